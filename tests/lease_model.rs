//! Every order in which writers, a reader, a merger and a collector may take turns, over a model of
//! the protocol that `docs/storage.md` states under "Collecting": no ref ever names what is gone.
//!
//! The model has one step for each thing that others can see. That it bites is shown by leaving out
//! each rule in turn: then some order breaks the promise.

use std::collections::{BTreeMap, BTreeSet, HashSet};

type Object = u8;
type Pack = u8;

/// The rules of the protocol.
#[derive(Clone, Copy)]
struct Rules {
    /// A writer holds the lease from its first look to its log entry.
    writers_hold_the_lease: bool,
    /// A writer lists the packs after it has the lease.
    list_under_lease: bool,
    /// The collector lists the packs after it read the refs.
    list_after_refs: bool,
    /// The collector marks again once no writer is at work.
    mark_again: bool,
    /// The collector spares a doomed pack in which something was marked since.
    rescue: bool,
    /// A merged pack is there before the old ones go.
    merge_before_removal: bool,
    /// A reader that finds nothing lists the packs again.
    readers_list_again: bool,
    /// One merges or collects at a time.
    upkeep_is_alone: bool,
    /// A branch is made at a commit only after looking, under the lease, that it is there.
    look_before_naming: bool,
}

const ALL: Rules = Rules {
    writers_hold_the_lease: true,
    list_under_lease: true,
    list_after_refs: true,
    mark_again: true,
    rescue: true,
    merge_before_removal: true,
    readers_list_again: true,
    upkeep_is_alone: true,
    look_before_naming: true,
};

#[derive(Clone, PartialEq, Eq, Hash, Default)]
struct State {
    packs: BTreeMap<Pack, BTreeSet<Object>>,
    refs: BTreeSet<Object>,
    doomed: BTreeSet<Pack>,
    next_pack: Pack,
    shared: u8,
    exclusive: bool,
    upkeep: bool,
    actors: Vec<Actor>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Actor {
    role: Role,
    step: u8,
    /// The packs that it knows, with what they hold.
    list: BTreeMap<Pack, BTreeSet<Object>>,
    /// Packs that do not count for it.
    skip: BTreeSet<Pack>,
    /// What it chose: objects that it found, packs that it is about to remove.
    found: bool,
    chosen: BTreeSet<Pack>,
    wanted: Option<Object>,
    marked: BTreeSet<Object>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Role {
    /// Stores an object, unless it is there, and names it.
    Writer(Object),
    /// Names an object that must be there already.
    Namer(Object),
    Reader,
    Merger,
    Collector,
}

impl Actor {
    fn new(role: Role) -> Self {
        let (list, skip, chosen, marked) = Default::default();
        Self { role, step: 0, list, skip, found: false, chosen, wanted: None, marked }
    }

    fn knows(&self, object: Object) -> bool {
        self.list.iter().any(|(id, pack)| !self.skip.contains(id) && pack.contains(&object))
    }
}

const DONE: u8 = 99;

impl State {
    fn is_stored(&self, object: Object) -> bool {
        self.packs.values().any(|pack| pack.contains(&object))
    }

    fn add_pack(&mut self, objects: BTreeSet<Object>) -> Pack {
        let id = self.next_pack;
        self.next_pack += 1;
        self.packs.insert(id, objects);
        id
    }

    /// One step of an actor; `None` if it must wait. An error is a broken promise.
    fn step(&self, number: usize, rules: Rules) -> Option<Result<Self, String>> {
        let mut next = self.clone();
        let mut me = next.actors[number].clone();
        let result = match me.role {
            Role::Writer(object) | Role::Namer(object) => next.write(&mut me, object, rules)?,
            Role::Reader => next.read(&mut me, rules),
            Role::Merger => next.merge(&mut me, rules)?,
            Role::Collector => next.collect(&mut me, rules)?,
        };
        next.actors[number] = me;
        Some(result.map(|()| next))
    }

    fn write(
        &mut self,
        me: &mut Actor,
        object: Object,
        rules: Rules,
    ) -> Option<Result<(), String>> {
        match me.step {
            0 => {
                if rules.writers_hold_the_lease {
                    if self.exclusive {
                        return None;
                    }
                    self.shared += 1;
                }
                me.step = 1;
            }
            1 => {
                if rules.list_under_lease {
                    me.list = self.packs.clone();
                }
                me.skip = self.doomed.clone();
                me.step = 2;
            }
            2 => {
                // Who only names looks as a reader does: doomed packs count.
                let namer = matches!(me.role, Role::Namer(_));
                if namer {
                    me.skip.clear();
                }
                me.found = me.knows(object) || (namer && !rules.look_before_naming);
                me.step = match (me.found, namer) {
                    (true, _) => 4,
                    (false, true) => 5,
                    (false, false) => 3,
                };
            }
            3 => {
                self.add_pack([object].into());
                me.step = 4;
            }
            4 => {
                self.refs.insert(object);
                me.step = 5;
            }
            _ => {
                if rules.writers_hold_the_lease {
                    self.shared -= 1;
                }
                me.step = DONE;
            }
        }
        Some(Ok(()))
    }

    fn read(&mut self, me: &mut Actor, rules: Rules) -> Result<(), String> {
        match me.step {
            0 => {
                me.list = self.packs.clone();
                me.step = 1;
            }
            1 => {
                me.wanted = self.refs.last().copied();
                me.step = 2;
            }
            // What it has open it can read, even if the file has gone.
            2 if me.wanted.is_none_or(|object| me.knows(object)) => me.step = DONE,
            2 if rules.readers_list_again => {
                me.list = self.packs.clone();
                me.step = 3;
            }
            _ => {
                let wanted = me.wanted.unwrap_or_default();
                if !me.knows(wanted) {
                    return Err(format!("a reader misses {wanted}"));
                }
                me.step = DONE;
            }
        }
        Ok(())
    }

    fn take_upkeep(&mut self, rules: Rules) -> bool {
        let free = !self.upkeep || !rules.upkeep_is_alone;
        self.upkeep = true;
        free
    }

    fn merge(&mut self, me: &mut Actor, rules: Rules) -> Option<Result<(), String>> {
        match me.step {
            0 => {
                if !self.take_upkeep(rules) {
                    return None;
                }
                me.step = 1;
            }
            1 => {
                me.list = self.packs.clone();
                me.chosen = me.list.keys().copied().collect();
                me.step = if rules.merge_before_removal { 2 } else { 3 };
            }
            2 => {
                let merged = me.list.values().flatten().copied().collect();
                self.add_pack(merged);
                me.step = if rules.merge_before_removal { 3 } else { 4 };
            }
            3 => match me.chosen.pop_first() {
                Some(pack) => drop(self.packs.remove(&pack)),
                None => me.step = if rules.merge_before_removal { 4 } else { 2 },
            },
            _ => {
                self.upkeep = false;
                me.step = DONE;
            }
        }
        Some(Ok(()))
    }

    fn collect(&mut self, me: &mut Actor, rules: Rules) -> Option<Result<(), String>> {
        match me.step {
            0 => {
                if !self.take_upkeep(rules) {
                    return None;
                }
                me.step = 1;
            }
            1 => {
                if !rules.list_after_refs {
                    me.list = self.packs.clone();
                }
                me.step = 2;
            }
            2 => {
                me.marked = self.refs.clone();
                me.step = 3;
            }
            3 => {
                if rules.list_after_refs {
                    me.list = self.packs.clone();
                }
                if let Some(missing) = me.marked.iter().find(|object| !me.knows(**object)) {
                    return Some(Err(format!("the collector misses {missing}")));
                }
                // What is marked in the packs that go is copied first.
                let dead = |pack: &&Pack| me.list[pack].iter().any(|o| !me.marked.contains(o));
                me.chosen = me.list.keys().filter(dead).copied().collect();
                let (going, staying): (Vec<_>, Vec<_>) =
                    me.list.iter().partition(|(pack, _)| me.chosen.contains(pack));
                let stays = |object: &Object| staying.iter().any(|(_, pack)| pack.contains(object));
                let going = going.iter().flat_map(|(_, pack)| pack.iter().copied());
                let live: BTreeSet<Object> =
                    going.filter(|o| me.marked.contains(o) && !stays(o)).collect();
                if !live.is_empty() {
                    self.add_pack(live);
                }
                me.step = 4;
            }
            4 => {
                self.doomed = me.chosen.clone();
                me.step = 5;
            }
            5 => {
                if self.shared > 0 {
                    return None;
                }
                self.exclusive = true;
                me.step = 6;
            }
            6 => {
                let refs = if rules.mark_again { &self.refs } else { &me.marked };
                let packs = &self.packs;
                let stays = |object: &Object| {
                    packs.iter().any(|(id, pack)| !me.chosen.contains(id) && pack.contains(object))
                };
                let holds_more = |pack: &Pack| {
                    let objects = packs.get(pack).into_iter().flatten();
                    objects.into_iter().any(|o| refs.contains(o) && !stays(o))
                };
                let spared: Vec<Pack> =
                    me.chosen.iter().copied().filter(|pack| holds_more(pack)).collect();
                if rules.rescue {
                    me.chosen.retain(|pack| !spared.contains(pack));
                }
                me.step = 7;
            }
            7 => match me.chosen.pop_first() {
                Some(pack) => drop(self.packs.remove(&pack)),
                None => me.step = 8,
            },
            _ => {
                self.doomed.clear();
                self.exclusive = false;
                self.upkeep = false;
                me.step = DONE;
            }
        }
        Some(Ok(()))
    }

    fn check(&self) -> Result<(), String> {
        match self.refs.iter().find(|object| !self.is_stored(**object)) {
            Some(lost) => Err(format!("a ref names {lost}, which is gone")),
            None => Ok(()),
        }
    }
}

/// Tries every order; gives how many states there are, or the first broken promise.
fn explore(roles: &[Role], rules: Rules) -> Result<usize, String> {
    let mut start = State::default();
    // A pack with what refs name, one with what nothing names, and one with both.
    start.add_pack([0].into());
    start.add_pack([1, 4].into());
    start.add_pack([2].into());
    start.refs.extend([0, 1]);
    start.actors = roles.iter().map(|role| Actor::new(*role)).collect();
    for actor in &mut start.actors {
        // A store that was open all the time.
        actor.list = start.packs.clone();
    }
    let mut seen = HashSet::new();
    let mut stack = vec![start];
    while let Some(state) = stack.pop() {
        if !seen.insert(state.clone()) {
            continue;
        }
        // With a merger that removes first, what is gone for a moment is what the reader sees.
        if rules.merge_before_removal {
            state.check()?;
        }
        let mut stuck = true;
        for number in 0..state.actors.len() {
            if state.actors[number].step == DONE {
                continue;
            }
            if let Some(next) = state.step(number, rules) {
                stuck = false;
                stack.push(next?);
            }
        }
        if stuck && state.actors.iter().any(|actor| actor.step != DONE) {
            return Err("everybody waits for somebody".into());
        }
    }
    Ok(seen.len())
}

const EVERYBODY: [&[Role]; 6] = [
    &[Role::Merger, Role::Collector],
    // The writer finds an old object that nothing names while its pack is doomed.
    &[Role::Writer(2), Role::Collector, Role::Reader],
    &[Role::Writer(3), Role::Merger, Role::Merger, Role::Reader],
    &[Role::Writer(2), Role::Writer(4), Role::Collector, Role::Merger],
    &[Role::Namer(2), Role::Writer(3), Role::Collector, Role::Reader],
    &[Role::Writer(3), Role::Merger, Role::Collector, Role::Reader],
];

#[test]
fn in_every_order_what_refs_name_is_there_and_can_be_read() {
    for roles in EVERYBODY {
        let states = explore(roles, ALL).unwrap_or_else(|why| panic!("{roles:?}: {why}"));
        println!("{roles:?}: {states} states");
        assert!(states > 30);
    }
}

#[test]
fn each_rule_is_needed() {
    let writer: &[Role] = &[Role::Writer(2), Role::Collector];
    let newcomer: &[Role] = &[Role::Writer(3), Role::Collector];
    let namer: &[Role] = &[Role::Namer(2), Role::Collector];
    let merger: &[Role] = &[Role::Merger, Role::Reader];
    let upkeep: &[Role] = &[Role::Merger, Role::Collector];
    let without = [
        ("the lease", writer, Rules { writers_hold_the_lease: false, ..ALL }),
        ("listing under the lease", writer, Rules { list_under_lease: false, ..ALL }),
        ("listing after the refs", newcomer, Rules { list_after_refs: false, ..ALL }),
        ("marking again", writer, Rules { mark_again: false, ..ALL }),
        ("sparing what was marked since", writer, Rules { rescue: false, ..ALL }),
        ("merging before removing", merger, Rules { merge_before_removal: false, ..ALL }),
        ("listing again", EVERYBODY[2], Rules { readers_list_again: false, ..ALL }),
        ("one at a time", upkeep, Rules { upkeep_is_alone: false, ..ALL }),
        ("looking before naming", namer, Rules { look_before_naming: false, ..ALL }),
    ];
    for (name, roles, rules) in without {
        let broken = explore(roles, rules).err();
        println!("without {name}: {broken:?}");
        assert!(broken.is_some(), "nothing breaks without {name}");
    }
}
