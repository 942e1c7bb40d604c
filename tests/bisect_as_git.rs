//! The choice of tests beside git's own, on random histories whose clocks lie.

mod support;

use std::collections::HashMap;
use std::path::Path;

use aisr::history::bisect::{Dag, Next, Verdict, search};
use support::Random;
use support::dag::{Planned, git_twin};
use support::git_twin::GitTwin;

/// How many histories are tried, where nothing else is asked for.
const HISTORIES: u64 = 50;
/// Asks for more: `cargo xtask bench bisect` sets it.
const ASKED: &str = "AISR_BISECT_HISTORIES";

/// What a way of testing costs: for each commit that may be the first bad one, how many tests.
type Costs = HashMap<usize, usize>;

#[test]
fn no_more_tests_than_git_takes_on_random_histories() {
    let asked = std::env::var(ASKED).ok().and_then(|text| text.parse().ok());
    let histories = asked.unwrap_or(HISTORIES);
    let (mut all_ours, mut all_theirs, mut more, mut fewer, mut longer) = (0, 0, 0, 0, 0);
    for seed in 0..histories {
        let history = History::random(seed);
        let folder = support::scratch();
        let git = Git::import(folder.path(), &history);
        let (ours, theirs) = (history.costs(), git.costs(&history));
        assert_eq!(ours.len(), theirs.len(), "seed {seed}");
        let worst = |costs: &Costs| costs.values().copied().max().unwrap_or(0);
        let total = |costs: &Costs| costs.values().sum::<usize>();
        assert!(worst(&ours) <= worst(&theirs) + 1, "seed {seed}: {ours:?} {theirs:?}");
        let (mine, gits) = (total(&ours), total(&theirs));
        // Git may be lucky among what halves alike, which its clocks decide.
        assert!(100 * mine <= 102 * gits, "seed {seed}: {mine} tests in all, git {gits}");
        (all_ours, all_theirs) = (all_ours + mine, all_theirs + gits);
        more += u32::from(mine > gits);
        fewer += u32::from(mine < gits);
        longer += u32::from(worst(&ours) > worst(&theirs));
        // `git bisect run` finds the same, and goes the same ways; but where clocks lie, it may be
        // led elsewhere by the marks that its earlier steps left in memory.
        let mut random = Random(seed);
        for _ in 0..2 {
            let first_bad = 1 + random.below(history.parents.len() - 1);
            let tests = git.bisect_run(&history, first_bad);
            assert!(history.clocks_lie() || tests == theirs[&first_bad], "seed {seed}: {tests}");
        }
    }
    println!(
        "{histories} histories: {all_ours} tests, git {all_theirs}; fewer than git on {fewer}, \
         more on {more}, a longer longest way on {longer}"
    );
    assert!(all_ours <= all_theirs && more <= fewer / 50, "{more} {fewer}");
}

/// A history with one root, which is good, and one tip, which is bad.
struct History {
    parents: Vec<Vec<u32>>,
    dag: Dag,
    seconds: Vec<i64>,
}

impl History {
    fn random(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
        let commits = 3 + random.below(57);
        let merges = random.below(60);
        let reach = 1 + random.below(12);
        let mut parents: Vec<Vec<u32>> = vec![Vec::new()];
        let mut is_tip = vec![true];
        for at in 1..commits {
            let near = |random: &mut Random| (at - 1 - random.below(reach.min(at))) as u32;
            let mut mine = vec![near(&mut random)];
            if at > 1 && random.below(100) < merges {
                mine.push(near(&mut random));
                mine.dedup();
            }
            if at + 1 == commits {
                let tips = (0..at).filter(|tip| is_tip[*tip]).map(|tip| tip as u32);
                mine = tips.collect();
            }
            mine.iter().for_each(|parent| is_tip[*parent as usize] = false);
            parents.push(mine);
            is_tip.push(true);
        }
        let clock = random.below(4);
        let second = |at: usize, random: &mut Random| match clock {
            0 => 1_700_000_000,
            1 => 1_700_000_000 - 60 * at as i64,
            2 => 4_000_000_000 + 60 * at as i64,
            _ => 1_000_000_000 + random.below(1_000_000_000) as i64,
        };
        let seconds = (0..commits).map(|at| second(at, &mut random)).collect();
        let dag = Dag::new(parents.iter().map(Vec::as_slice)).unwrap();
        Self { parents, dag, seconds }
    }

    fn tip(&self) -> usize {
        self.parents.len() - 1
    }

    /// Whether a commit is older by its clock than one that it follows.
    fn clocks_lie(&self) -> bool {
        let older = |at: usize| {
            self.parents[at].iter().any(|parent| self.seconds[*parent as usize] > self.seconds[at])
        };
        (0..self.parents.len()).any(older)
    }

    /// Which commits are bad if this one brought it.
    fn is_bad(&self, first_bad: usize) -> Vec<bool> {
        (0..self.parents.len()).map(|at| self.dag.behind([at])[first_bad]).collect()
    }

    fn costs(&self) -> Costs {
        (1..self.parents.len())
            .map(|first_bad| {
                let is_bad = self.is_bad(first_bad);
                let mut said = vec![(self.tip(), Verdict::Bad), (0, Verdict::Good)];
                let mut test = |at: usize| if is_bad[at] { Verdict::Bad } else { Verdict::Good };
                let (tested, next) = search(&self.dag, &mut said, None, &mut test).unwrap();
                let Next::Found(found) = next else { panic!("{next:?}") };
                assert_eq!(found.first_bad, [first_bad]);
                (first_bad, tested.len())
            })
            .collect()
    }
}

struct Git {
    twin: GitTwin,
    /// The place of each commit by its id.
    places: HashMap<String, usize>,
    /// The id of each commit by its place.
    ids: Vec<String>,
}

impl Git {
    fn import(folder: &Path, history: &History) -> Self {
        let planned = |at: usize| Planned {
            parents: history.parents[at].iter().map(|parent| *parent as usize).collect(),
            files: Default::default(),
            second: history.seconds[at],
        };
        let plan: Vec<_> = (0..history.parents.len()).map(planned).collect();
        let twin = git_twin(folder, &plan);
        // `git bisect` does not begin where HEAD leads to nothing.
        assert!(twin.git(["symbolic-ref", "HEAD", "refs/heads/b0"]).status().unwrap().success());
        let format = "--format=%(objectname) %(refname:lstrip=2)";
        let out = twin.git(["for-each-ref", format, "refs/heads"]).output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let places = text.lines().map(|line| {
            let (id, name) = line.split_once(" b").unwrap_or_else(|| panic!("{line}"));
            (id.to_owned(), name.parse().unwrap())
        });
        let places: HashMap<String, usize> = places.collect();
        let mut ids = vec![String::new(); places.len()];
        places.iter().for_each(|(id, place)| ids[*place].clone_from(id));
        Self { twin, places, ids }
    }

    /// How many tests git takes for each, by its whole tree of choices.
    fn costs(&self, history: &History) -> Costs {
        let mut costs = Costs::new();
        self.start(history);
        let all: Vec<usize> = (1..history.parents.len()).collect();
        let mut open = vec![(history.tip(), vec![0], all, 0)];
        while let Some((bad, goods, left, tests)) = open.pop() {
            // Where clocks lie, git also tests what is known, and no commit goes the other way.
            if left.is_empty() {
                continue;
            }
            if left == [bad] {
                costs.insert(bad, tests);
                continue;
            }
            let choice = self.choice(bad, &goods);
            let behind = history.dag.behind([choice]);
            let (older, newer): (Vec<_>, Vec<_>) = left.into_iter().partition(|at| behind[*at]);
            open.push((choice, goods.clone(), older, tests + 1));
            let goods = [goods, vec![choice]].concat();
            open.push((bad, goods, newer, tests + 1));
        }
        self.reset();
        costs
    }

    fn start(&self, history: &History) {
        let tip = format!("b{}", history.tip());
        let start = self.twin.git(["bisect", "start", "--no-checkout", &tip, "b0"]).output();
        let start = start.unwrap();
        assert!(start.status.success(), "{}", String::from_utf8_lossy(&start.stderr));
    }

    fn reset(&self) {
        let out = self.twin.git(["bisect", "reset"]).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    /// What `git bisect` tests next where these are known: its state is its refs.
    fn choice(&self, bad: usize, goods: &[usize]) -> usize {
        let refs = self.twin.folder.join("refs/bisect");
        std::fs::create_dir_all(&refs).unwrap();
        std::fs::write(refs.join("bad"), format!("{}\n", self.ids[bad])).unwrap();
        for good in goods {
            let id = &self.ids[*good];
            std::fs::write(refs.join(format!("good-{id}")), format!("{id}\n")).unwrap();
        }
        let ran = self.twin.git(["bisect", "next"]).output().unwrap();
        std::fs::remove_dir_all(&refs).unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let next = std::fs::read_to_string(self.twin.folder.join("BISECT_HEAD")).unwrap();
        self.places[next.trim()]
    }

    /// How many tests `git bisect run` takes.
    fn bisect_run(&self, history: &History, first_bad: usize) -> usize {
        let is_bad = history.is_bad(first_bad);
        let bad: Vec<&str> = self
            .places
            .iter()
            .filter(|(_, place)| is_bad[**place])
            .map(|(id, _)| id.as_str())
            .collect();
        self.start(history);
        let script = r#"echo tested >> tests; read id < BISECT_HEAD
            case "$BAD" in *"$id"*) exit 1;; esac"#;
        let mut run = self.twin.git(["bisect", "run", "sh", "-c", script]);
        let ran = run.env("BAD", bad.join(" ")).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let text = String::from_utf8(ran.stdout).unwrap();
        let found = text.lines().find_map(|line| line.strip_suffix(" is the first bad commit"));
        assert_eq!(found.map(|id| self.places[id]), Some(first_bad), "{text}");
        self.reset();
        let file = self.twin.folder.join("tests");
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let _ = std::fs::remove_file(file);
        text.lines().count()
    }
}
