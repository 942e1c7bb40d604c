//! Trees that no honest capture makes, built byte by byte and signed: every command refuses them,
//! none writes a byte outside of the root, and the folder stays as it is.

#[path = "support/forged.rs"]
mod forged;
#[path = "support/program.rs"]
mod program;
mod support;

use std::collections::BTreeMap;

use aisr::disk::Disk;
use aisr::object::{BlobId, CommitId, Id, NodeId};
use aisr::repo::{Identity, Repository};
use forged::{DIRECTORY, FILE, Forge, SYMLINK};
use forged::{array, bytes, entry, inner_entry, leaf, leaf_entry, map, node, text, uint};
use program::Desk;
use support::{identity, must_commit, new_repository, snapshot};

const GOOD: &[u8] = b"good";
const EVIL: &[u8] = b"evil";

/// How far into a tree one gets before it shows that it is hostile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// The folder at the top cannot be read.
    AtOnce,
    /// A folder `sub` below it cannot be read.
    Below,
    /// Somewhere below `sub` it is too deep for any path.
    Deep,
    /// The content of `entry` is not what the tree says; the names are in order.
    InContent,
}

/// A hostile tree: what it is, how it shows, and the bytes of its top node.
type Case = (&'static str, Shows, Box<dyn Fn(&Forge<'_>) -> Vec<u8>>);

fn case(name: &'static str, shows: Shows, tree: impl Fn(&Forge<'_>) -> Vec<u8> + 'static) -> Case {
    (name, shows, Box::new(tree))
}

fn file(forge: &Forge<'_>, content: &[u8]) -> Vec<u8> {
    entry(FILE, forge.blob(content).id(), content.len() as u64)
}

/// The entry that the first commit has too.
fn good(forge: &Forge<'_>) -> Vec<u8> {
    leaf_entry(b"good", &file(forge, GOOD))
}

/// A folder of one file with any name, beside the good one.
fn named(forge: &Forge<'_>, name: &[u8]) -> Vec<u8> {
    let mut entries = [(name, file(forge, EVIL)), (&b"good"[..], file(forge, GOOD))];
    entries.sort();
    let entries = entries.map(|(name, value)| leaf_entry(name, &value));
    leaf(8, &entries)
}

/// A folder of one entry with any value, beside the good one.
fn valued(forge: &Forge<'_>, value: &[u8], size: u64) -> Vec<u8> {
    leaf(size.wrapping_add(4), &[leaf_entry(b"entry", value), good(forge)])
}

/// A folder that holds another, `sub`.
fn above(forge: &Forge<'_>, sub: NodeId, size: u64) -> Vec<u8> {
    let sub = leaf_entry(b"sub", &entry(DIRECTORY, sub.id(), size));
    leaf(size + 4, &[good(forge), sub])
}

/// Folders inside each other, this many, the last with a file.
fn deep(forge: &Forge<'_>, levels: usize, name: &[u8]) -> Vec<u8> {
    let mut nodes = vec![named(forge, b"evil")];
    for _ in 1..levels {
        let below = NodeId::of(nodes.last().unwrap());
        nodes.push(leaf(8, &[leaf_entry(name, &entry(DIRECTORY, below.id(), 8))]));
    }
    forge.nodes(&nodes);
    above(forge, NodeId::of(nodes.last().unwrap()), 8)
}

/// A repository with one good commit, and all around it that must not change.
struct Place {
    desk: Desk,
    repo: Repository,
    me: Identity,
    first: CommitId,
}

impl Place {
    fn new() -> Self {
        let (desk, me) = (Desk::empty(), identity());
        let repo = new_repository(&Disk::new(), &desk.path(), &me);
        desk.write("good", GOOD);
        desk.write("kept/local", "not replaced");
        let first = must_commit(&repo, &me, "first");
        desk.write("untracked", "in no commit");
        std::fs::create_dir(desk.outside("outside")).unwrap();
        std::fs::write(desk.outside("outside/sentinel"), "as it was").unwrap();
        Self { desk, repo, me, first }
    }

    fn forge(&self) -> Forge<'_> {
        Forge { repo: &self.repo, me: &self.me }
    }

    /// Everything in the root and around it, but for the repository's own folder.
    fn world(&self) -> BTreeMap<Vec<u8>, (char, Vec<u8>)> {
        let mut world = snapshot(&self.desk.outside("."));
        // Signatures that were found good are noted in the user's cache.
        let changes =
            |path: &[u8]| path.starts_with(b"desk/.aisr/") || path.starts_with(b"home/.cache");
        world.retain(|path, _| !changes(path));
        world
    }

    fn refuses_all_of(&self, name: &str, shows: Shows) {
        let before = self.world();
        let target = match shows {
            Shows::AtOnce => "good",
            Shows::Below => "sub/evil",
            Shows::Deep => "sub",
            Shows::InContent => "entry",
        };
        let out = self.desk.outside("out");
        let cat = format!("hostile:{target}");
        let writes = [
            &["checkout", "hostile"][..],
            &["checkout", "--force", "hostile"],
            &["checkout", "hostile", "--out", out.to_str().unwrap()],
            &["restore", "--from", "hostile", target],
            &["restore", "--from", "hostile", "."],
            &["fsck"],
        ];
        let reads = [&["cat", &cat][..], &["ls", "-r", "hostile"], &["diff", "main", "hostile"]];
        let others =
            [&["ls", "hostile"][..], &["show", "hostile"], &["status"], &["log", "hostile"]];
        for args in [&writes[..], &reads, &others].concat() {
            let ran = self.desk.run(args.iter());
            let told = format!("{name}: aisr {}: {:?}: {}", args.join(" "), ran.code, ran.stderr);
            assert!(matches!(ran.code, Some(0..=3)), "{told}");
            let shown_by_names = reads.contains(&args) && shows != Shows::InContent;
            let is_a_folder = args[0] == "cat" && shows == Shows::Deep;
            let must_refuse = writes.contains(&args) || shown_by_names && !is_a_folder;
            if must_refuse && args == ["fsck"] {
                assert_eq!(ran.code, Some(1), "{told}");
            } else if must_refuse {
                assert_eq!(ran.code, Some(3), "{told}");
                assert!(ran.stderr.starts_with("error: "), "{told}");
                assert!(ran.stderr.contains("hint: `aisr fsck`"), "no hint: {told}");
                assert!(!ran.stderr.contains("panicked"), "{told}");
            }
            assert_eq!(self.world(), before, "{told}");
        }
        let head = self.repo.log().unwrap().refs().head_commit();
        assert_eq!(head, Some(self.first), "{name}");
        assert!(!aisr::worktree::is_interrupted(&self.repo), "{name}");
    }
}

fn all_are_refused(cases: &[Case]) {
    for (name, shows, tree) in cases {
        let place = Place::new();
        let forge = place.forge();
        let files = forge.node(&tree(&forge));
        forge.branch("hostile", forge.commit(forge.root_over(files.as_bytes())));
        place.refuses_all_of(name, *shows);
    }
}

#[test]
fn names_that_lead_out_of_the_folder_or_into_our_own_are_refused() {
    let names: [&[u8]; 30] = [
        b"",
        b".",
        b"..",
        b"../outside/sentinel",
        b"/tmp/aisr-hostile",
        b"a/b",
        b"good/b",
        b"nul\0byte",
        &[b'a'; 256],
        b".aisr",
        b".AISR",
        b".Aisr",
        ".ai\u{200c}sr".as_bytes(),
        "\u{feff}.aisr".as_bytes(),
        "\u{202e}.aisr\u{2069}".as_bytes(),
        ".a\u{ad}isr".as_bytes(),
        ".aisr\u{fe0f}".as_bytes(),
        ".ai\u{17f}r".as_bytes(),
        ".a\u{131}sr".as_bytes(),
        ".A\u{130}SR".as_bytes(),
        b".aisr.",
        b".aisr .. ",
        b".aisr:stream",
        b".aisr::$INDEX_ALLOCATION",
        b".aisr\\config",
        b"aisr~1",
        b"AISR~1",
        b"AISR~9. ",
        b"aisr~1::$DATA",
        b".aisr/config",
    ];
    let at_the_top = |name: &'static [u8]| {
        let shown = Box::leak(name.escape_ascii().to_string().into_boxed_str());
        case(shown, Shows::AtOnce, move |forge| named(forge, name))
    };
    let names = names.map(|name| &*Box::leak(name.to_vec().into_boxed_slice()));
    all_are_refused(&names.map(at_the_top));
    let below = [b"..".as_slice(), b".aisr", b"x/y"].map(|name| {
        case("below a good folder", Shows::Below, move |forge| {
            let sub = forge.node(&named(forge, name));
            above(forge, sub, 8)
        })
    });
    all_are_refused(&below);
}

#[test]
fn folders_that_are_no_folders_are_refused() {
    use Shows::{AtOnce, Below};
    let cases = [
        case("the same name twice", AtOnce, |forge| leaf(8, &[good(forge), good(forge)])),
        case("a link and a folder under one name", AtOnce, |forge| {
            let sub = forge.node(&named(forge, b"evil"));
            let outside = b"../outside";
            let link = entry(SYMLINK, forge.blob(outside).id(), outside.len() as u64);
            let folder = entry(DIRECTORY, sub.id(), 8);
            leaf(18, &[leaf_entry(b"a", &link), leaf_entry(b"a", &folder)])
        }),
        case("names in the wrong order", AtOnce, |forge| {
            leaf(8, &[good(forge), leaf_entry(b"a", &file(forge, EVIL))])
        }),
        case("an unknown kind", AtOnce, |forge| {
            valued(forge, &entry(4, forge.blob(EVIL).id(), 4), 4)
        }),
        case("a kind beyond all numbers", AtOnce, |forge| {
            valued(forge, &entry(u64::MAX, forge.blob(EVIL).id(), 4), 4)
        }),
        case("a kind that is a text", AtOnce, |forge| {
            let id = forge.blob(EVIL);
            valued(forge, &array(&[text("file"), bytes(id.as_bytes()), uint(4)]), 4)
        }),
        case("an entry of two items", AtOnce, |forge| {
            let id = forge.blob(EVIL);
            valued(forge, &array(&[uint(0), bytes(id.as_bytes())]), 0)
        }),
        case("an id of 31 bytes", AtOnce, |forge| {
            valued(forge, &array(&[uint(0), bytes(&[7; 31]), uint(4)]), 4)
        }),
        case("a value that is no entry", AtOnce, |forge| valued(forge, b"\xff\xff", 0)),
        case("an entry kept outside of its node", AtOnce, |forge| {
            let value = array(&[uint(1), bytes(forge.blob(EVIL).as_bytes()), uint(4)]);
            leaf(4, &[array(&[bytes(b"entry"), value]), good(forge)])
        }),
        case("sizes that overflow", AtOnce, |forge| {
            valued(forge, &entry(FILE, forge.blob(EVIL).id(), u64::MAX), u64::MAX)
        }),
        case("a link to nothing", AtOnce, |forge| {
            valued(forge, &entry(SYMLINK, forge.blob(b"").id(), 0), 0)
        }),
        case("a link of 4,096 bytes", AtOnce, |forge| {
            valued(forge, &entry(SYMLINK, forge.blob(&[b'a'; 4096]).id(), 4096), 4096)
        }),
        case("more entries than there are", AtOnce, |forge| node("tree", 0, 9, 4, &[good(forge)])),
        case("a wrong sum", AtOnce, |forge| node("tree", 0, 1, 5, &[good(forge)])),
        case("a schema that nobody knows", AtOnce, |forge| node("trees", 0, 1, 4, &[good(forge)])),
        case("a table in place of a folder", AtOnce, |_| {
            node("table", 0, 1, 7, &[leaf_entry(b"row", b"cell")])
        }),
        case("a root map in place of a folder", AtOnce, |_| {
            node("root", 0, 1, 36, &[leaf_entry(b"files", &[7; 32])])
        }),
        case("files at a level above", AtOnce, |forge| node("tree", 1, 1, 4, &[good(forge)])),
        case("a level of 16", AtOnce, |forge| {
            node("tree", 16, 1, 4, &[inner_entry(b"good", forge.node(&named(forge, b"evil")))])
        }),
        case("a field that nobody knows", AtOnce, |forge| {
            map(&[
                ("c", uint(1)),
                ("e", array(&[good(forge)])),
                ("l", uint(0)),
                ("s", text("tree")),
                ("x", uint(0)),
                ("z", uint(4)),
            ])
        }),
        case("fields in another order", AtOnce, |forge| {
            map(&[
                ("e", array(&[good(forge)])),
                ("c", uint(1)),
                ("l", uint(0)),
                ("s", text("tree")),
                ("z", uint(4)),
            ])
        }),
        case("bytes behind the end", AtOnce, |forge| {
            [leaf(4, &[good(forge)]), b"\0".to_vec()].concat()
        }),
        case("no CBOR at all", AtOnce, |_| b"tree".to_vec()),
        case("a node of more than 64 KiB", AtOnce, |forge| {
            let name = |n: u32| format!("{n:0200}").into_bytes();
            let entries: Vec<_> =
                (0..400).map(|n| leaf_entry(&name(n), &file(forge, EVIL))).collect();
            leaf(1600, &entries)
        }),
        case("a folder that is missing", Below, |forge| {
            above(forge, NodeId::from_id(Id::new([7; 32])), 8)
        }),
        case("a folder that is a blob", Below, |forge| {
            above(forge, NodeId::from_id(forge.blob(EVIL).id()), 8)
        }),
        case("a folder that is a root map", Below, |forge| {
            let root = forge.root_over(&[7; 32]);
            above(forge, root, 8)
        }),
        case("a folder that is not as large as its entry says", Below, |forge| {
            above(forge, forge.node(&named(forge, b"evil")), 9)
        }),
    ];
    all_are_refused(&cases);
}

#[test]
fn inner_nodes_whose_children_do_not_fit_are_refused() {
    /// An inner node over two leaves, and what it says of the second.
    fn inner(forge: &Forge<'_>, last_key: &[u8], second: &[u8], count: u64, sum: u64) -> Vec<u8> {
        let first = forge.node(&leaf(4, &[leaf_entry(b"a", &file(forge, EVIL))]));
        let second = forge.node(second);
        let entries = [inner_entry(b"a", first), inner_entry(last_key, second)];
        node("tree", 1, count, sum, &entries)
    }
    let at_once = |name, tree: fn(&Forge<'_>) -> Vec<u8>| case(name, Shows::AtOnce, tree);
    all_are_refused(&[
        at_once("another last key", |forge| inner(forge, b"goods", &leaf(4, &[good(forge)]), 2, 8)),
        at_once("keys of the child before", |forge| {
            inner(forge, b"good", &named(forge, b"a"), 3, 12)
        }),
        at_once("a child of another schema", |forge| {
            inner(forge, b"good", &node("table", 0, 1, 7, &[leaf_entry(b"good", b"cell")]), 2, 11)
        }),
        at_once("fewer entries than there are", |forge| {
            inner(forge, b"good", &leaf(4, &[good(forge)]), 0, 8)
        }),
        at_once("fewer bytes than there are", |forge| {
            inner(forge, b"good", &leaf(4, &[good(forge)]), 2, 1)
        }),
        at_once("children that are missing", |_| {
            let child = |n| NodeId::from_id(Id::new([n; 32]));
            let entries = [inner_entry(b"a", child(1)), inner_entry(b"good", child(2))];
            node("tree", 1, 2, 8, &entries)
        }),
        at_once("children two levels below", |forge| {
            let lowest = forge.node(&leaf(4, &[good(forge)]));
            let entries = [inner_entry(b"good", lowest), inner_entry(b"good", lowest)];
            node("tree", 2, 2, 8, &entries)
        }),
        at_once("a single child", |forge| {
            let child = forge.node(&leaf(4, &[good(forge)]));
            node("tree", 1, 1, 4, &[inner_entry(b"good", child)])
        }),
    ]);
}

#[test]
fn contents_that_are_not_what_the_tree_says_are_refused() {
    let content = |name, tree: fn(&Forge<'_>) -> Vec<u8>| case(name, Shows::InContent, tree);
    all_are_refused(&[
        content("a file that is longer", |forge| {
            valued(forge, &entry(FILE, forge.blob(EVIL).id(), 3), 3)
        }),
        content("a file that is shorter", |forge| {
            valued(forge, &entry(FILE, forge.blob(EVIL).id(), 5), 5)
        }),
        content("a file that is missing", |forge| {
            valued(forge, &entry(FILE, BlobId::of(b"nowhere").id(), 7), 7)
        }),
        content("a file that is a folder", |forge| {
            let folder = forge.node(&named(forge, b"evil"));
            valued(forge, &entry(FILE, folder.id(), 8), 8)
        }),
        content("a link with a NUL byte", |forge| {
            valued(forge, &entry(SYMLINK, forge.blob(b"../outs\0ide").id(), 11), 11)
        }),
        content("a link that is longer", |forge| {
            valued(forge, &entry(SYMLINK, forge.blob(b"../outside").id(), 2), 2)
        }),
        content("a link that is shorter", |forge| {
            valued(forge, &entry(SYMLINK, forge.blob(b"../outside").id(), 4_000), 4_000)
        }),
        content("a link that is missing", |forge| {
            valued(forge, &entry(SYMLINK, BlobId::of(b"nowhere").id(), 7), 7)
        }),
    ]);
}

#[test]
fn trees_that_are_too_deep_are_refused() {
    let deep = |name, levels, folder: &'static [u8]| {
        case(name, Shows::Deep, move |forge| deep(forge, levels, folder))
    };
    all_are_refused(&[
        deep("513 levels", 512, b"d"),
        deep("10,000 levels", 10_000, b"d"),
        deep("a path of more than 4,096 bytes", 20, &[b'd'; 250]),
    ]);
}

#[test]
fn commits_without_a_tree_are_refused() {
    type Root = fn(&Forge<'_>) -> NodeId;
    let roots: [(&str, Root); 5] = [
        ("a root map without files", |forge| forge.node(&node("root", 0, 0, 0, &[]))),
        ("files that are no id", |forge| forge.root_over(b"short")),
        ("files that are a blob", |forge| {
            let blob = forge.blob(EVIL);
            forge.root_over(blob.as_bytes())
        }),
        ("a root map that is missing", |_| NodeId::from_id(Id::new([7; 32]))),
        ("a folder in place of the root map", |forge| forge.node(&named(forge, b"evil"))),
    ];
    for (name, root) in roots {
        let place = Place::new();
        let forge = place.forge();
        forge.branch("hostile", forge.commit(root(&forge)));
        place.refuses_all_of(name, Shows::AtOnce);
    }
}
