//! The vectors that the independent reader made (`tests/reader/make_vectors.py`): each input must
//! give the same bytes and ids here, and each encoding the same fields.

use std::path::Path;
use std::sync::Arc;

use aisr::map::{Builder, Map, MemoryNodes, RATE, Splitter};
use aisr::object::{
    ActingFor, Actor, AttributeValue, Attributes, BlobId, Cause, ChangeKind, Commit, CommitId,
    Component, ComponentKey, Edge, EdgeKey, EntryKind, Extensions, ExternalEntry, ExternalKey,
    FormatId, Genesis, Id, KeyBytes, Level, LogEntry, LogEntryId, LogId, Node, NodeId, ObjectType,
    Origin, Part, Principal, PrincipalId, RecipeId, RecipeNode, RefChange, RefTarget, RepoPath,
    Report, RepositoryId, Role, Schema, Session, Signed, Stamp, Tag, TreeEntry, TrustRoot,
    TrustRootId, Value, tuple,
};
use aisr::sign::{Namespace, SecretKey, verify};
use data_encoding::HEXLOWER;
use serde_json::Value as Json;

fn load(name: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vectors/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn cases(name: &str) -> Vec<Json> {
    list(&load(name))
}

fn list(value: &Json) -> Vec<Json> {
    value.as_array().cloned().unwrap_or_default()
}

fn hex(value: &Json) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn to_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn array<const N: usize>(value: &Json) -> [u8; N] {
    hex(value).try_into().unwrap()
}

fn id(value: &Json) -> Id {
    Id::new(array(value))
}

fn ids(value: &Json) -> Vec<Id> {
    list(value).iter().map(id).collect()
}

fn text(value: &Json) -> String {
    value.as_str().unwrap().to_owned()
}

fn optional<T>(value: &Json, read: impl FnOnce(&Json) -> T) -> Option<T> {
    (!value.is_null()).then(|| read(value))
}

fn stamp(value: &Json) -> Stamp {
    Stamp { micros: value[0].as_i64().unwrap(), zone: value[1].as_i64().unwrap() as i16 }
}

fn principal_id(value: &Json) -> PrincipalId {
    PrincipalId::new(array(value))
}

fn key(value: &Json) -> KeyBytes {
    KeyBytes::from_slice(&hex(value)).unwrap()
}

fn actor(value: &Json) -> Actor {
    Actor { key: key(&value["key"]), principal: optional(&value["principal"], principal_id) }
}

fn cause(value: &Json) -> Cause {
    Cause {
        kind: text(&value["kind"]),
        ids: ids(&value["ids"]),
        algorithm: value["algorithm"].as_u64(),
    }
}

fn acting_for(value: &Json) -> Vec<ActingFor> {
    let read = |one: &Json| match one.get("claimed") {
        Some(name) => ActingFor::Claimed(text(name)),
        None => ActingFor::Delegation(id(&one["delegation"])),
    };
    list(value).iter().map(read).collect()
}

fn extensions(value: &Json) -> Extensions {
    let Some(fields) = value.as_object() else { return Vec::new() };
    let mut ext: Extensions =
        fields.iter().map(|(name, bytes)| (name.clone(), hex(bytes))).collect();
    // The order of the encoding: shorter names first.
    ext.sort_by_key(|(name, _)| (name.len(), name.clone()));
    ext
}

fn report(value: &Json) -> Report {
    let skipped = |one: &Json| (hex(&one[0]), text(&one[1]));
    Report {
        window: (value["window"][0].as_i64().unwrap(), value["window"][1].as_i64().unwrap()),
        level: match value["level"].as_str().unwrap() {
            "snapshot" => Level::Snapshot,
            _ => Level::BestEffort,
        },
        ignored: value["ignored"].as_u64().unwrap_or(0),
        skipped: value["skipped"].as_u64().unwrap_or(0),
        skipped_paths: list(&value["skipped-paths"]).iter().map(skipped).collect(),
        moved: list(&value["moved"]).iter().map(hex).collect(),
    }
}

fn commit(f: &Json) -> Commit {
    let session = |one: &Json| Session { kind: text(&one["kind"]), id: hex(&one["id"]) };
    Commit {
        repo: RepositoryId::from_id(id(&f["repo"])),
        root: NodeId::from_id(id(&f["root"])),
        parents: ids(&f["parents"]).into_iter().map(CommitId::from_id).collect(),
        committer: actor(&f["committer"]),
        author: optional(&f["author"], text),
        acting_for: acting_for(&f["acting-for"]),
        authored: stamp(&f["authored"]),
        committed: stamp(&f["committed"]),
        cause: cause(&f["cause"]),
        sessions: list(&f["sessions"]).iter().map(session).collect(),
        report: optional(&f["report"], report),
        origins: optional(&f["origins"], id).map(NodeId::from_id),
        observed: ids(&f["observed"]).into_iter().map(BlobId::from_id).collect(),
        message: optional(&f["message"], text),
        ext: extensions(&f["ext"]),
    }
}

fn tag(f: &Json) -> Tag {
    Tag {
        repo: RepositoryId::from_id(id(&f["repo"])),
        target: id(&f["target"]),
        target_type: ObjectType::from_u8(f["target-type"].as_u64().unwrap() as u8).unwrap(),
        name: hex(&f["name"]),
        tagger: actor(&f["tagger"]),
        time: stamp(&f["time"]),
        message: optional(&f["message"], text),
        ext: extensions(&f["ext"]),
    }
}

fn trust_root(f: &Json) -> TrustRoot {
    let principal = |one: &Json| Principal {
        id: principal_id(&one["id"]),
        names: list(&one["names"]).iter().map(text).collect(),
        kind: text(&one["kind"]),
        controller: optional(&one["controller"], principal_id),
        keys: list(&one["keys"]).iter().map(key).collect(),
    };
    let role = |one: &Json| Role {
        name: text(&one["name"]),
        holders: list(&one["holders"]).iter().map(principal_id).collect(),
        threshold: one["threshold"].as_u64().unwrap(),
    };
    TrustRoot {
        repo: optional(&f["repo"], id).map(RepositoryId::from_id),
        version: f["version"].as_u64().unwrap(),
        previous: optional(&f["previous"], id).map(TrustRootId::from_id),
        principals: list(&f["principals"]).iter().map(principal).collect(),
        roles: list(&f["roles"]).iter().map(role).collect(),
        heads: ids(&f["heads"]),
        expires: optional(&f["expires"], stamp),
        ext: extensions(&f["ext"]),
    }
}

fn genesis(f: &Json) -> Genesis {
    Genesis {
        nonce: array(&f["nonce"]),
        format: FormatId::from_id(id(&f["format"])),
        trust_root: hex(&f["trust-root"]),
        ext: extensions(&f["ext"]),
    }
}

fn log_entry(f: &Json) -> LogEntry {
    let target = |one: &Json| match one.get("symbolic") {
        Some(name) => RefTarget::Symbolic(hex(name)),
        None => RefTarget::Object(id(&one["object"])),
    };
    let change = |one: &Json| RefChange {
        name: hex(&one["name"]),
        old: optional(&one["old"], target),
        new: optional(&one["new"], target),
        kind: match one["kind"].as_str().unwrap() {
            "create" => ChangeKind::Create,
            "forward" => ChangeKind::Forward,
            "force" => ChangeKind::Force,
            _ => ChangeKind::Delete,
        },
    };
    LogEntry {
        repo: RepositoryId::from_id(id(&f["repo"])),
        log: LogId::new(array(&f["log"])),
        sequence: f["sequence"].as_u64().unwrap(),
        previous: optional(&f["previous"], id).map(LogEntryId::from_id),
        trust_root: TrustRootId::from_id(id(&f["trust-root"])),
        changes: list(&f["changes"]).iter().map(change).collect(),
        signer: actor(&f["signer"]),
        acting_for: acting_for(&f["acting-for"]),
        approvals: ids(&f["approvals"])
            .into_iter()
            .map(aisr::object::AttestationId::from_id)
            .collect(),
        payload: ids(&f["payload"]),
        time: stamp(&f["time"]),
        cause: cause(&f["cause"]),
        replica: optional(&f["replica"], array),
        ext: extensions(&f["ext"]),
    }
}

/// Checks a case of a signed object against the payload that its fields gave here.
fn check_signed(case: &Json, kind: ObjectType, namespace: Namespace, payload: &[u8]) {
    let name = case["name"].as_str().unwrap();
    assert_eq!(to_hex(payload), case["payload"].as_str().unwrap(), "{name}");
    let (object, signature) = (hex(&case["object"]), hex(&case["signature"]));
    let signed = Signed { payload, signature: &signature };
    assert_eq!(signed.encode(), object, "{name}");
    assert_eq!(Signed::decode(&object).unwrap(), signed, "{name}");
    assert_eq!(kind.id_of(&object), id(&case["id"]), "{name}");
    verify(namespace, payload, &signature).unwrap();
}

#[test]
fn blobs_have_the_ids_of_the_vectors() {
    for case in cases("blob") {
        assert_eq!(BlobId::of(&hex(&case["bytes"])).id(), id(&case["id"]));
    }
}

#[test]
fn recipes_encode_and_decode_as_in_the_vectors() {
    for case in cases("recipe") {
        let part = |one: &Json| Part { len: one[0].as_u64().unwrap(), id: id(&one[1]) };
        let node = RecipeNode {
            level: case["level"].as_u64().unwrap() as u8,
            parts: list(&case["parts"]).iter().map(part).collect(),
            builds: optional(&case["builds"], id).map(BlobId::from_id),
        };
        let encoded = hex(&case["encoded"]);
        assert_eq!(node.total(), case["total"].as_u64().unwrap());
        assert_eq!(node.encode(), encoded);
        assert_eq!(RecipeNode::decode(&encoded).unwrap(), node);
        assert_eq!(RecipeId::of(&encoded).id(), id(&case["id"]));
    }
}

#[test]
fn commits_encode_and_decode_as_in_the_vectors() {
    for case in cases("commit") {
        let made = commit(&case["fields"]);
        check_signed(&case, ObjectType::Commit, Namespace::Commit, &made.encode());
        assert_eq!(Commit::decode(&hex(&case["payload"])).unwrap(), made);
    }
}

#[test]
fn tags_encode_and_decode_as_in_the_vectors() {
    for case in cases("tag") {
        let made = tag(&case["fields"]);
        check_signed(&case, ObjectType::Tag, Namespace::Tag, &made.encode());
        assert_eq!(Tag::decode(&hex(&case["payload"])).unwrap(), made);
    }
}

#[test]
fn geneses_and_their_trust_roots_encode_and_decode_as_in_the_vectors() {
    for case in cases("genesis") {
        let (made, root) = (genesis(&case["fields"]), trust_root(&case["trust_root_fields"]));
        check_signed(&case, ObjectType::Genesis, Namespace::Genesis, &made.encode());
        assert_eq!(root.encode(), made.trust_root);
        assert_eq!(TrustRoot::embedded_id(&made.trust_root).id(), id(&case["trust_root_id"]));
        assert_eq!(Genesis::decode(&hex(&case["payload"])).unwrap(), (made, root));
    }
}

#[test]
fn the_genesis_of_the_vectors_names_the_format_of_this_version() {
    let format = FormatId::from_id(id(&cases("genesis")[0]["fields"]["format"]));
    assert_eq!(format, aisr::repo::Format::id());
}

#[test]
fn trust_roots_encode_and_decode_as_in_the_vectors() {
    for case in cases("trust-root") {
        let made = trust_root(&case["fields"]);
        check_signed(&case, ObjectType::TrustRoot, Namespace::TrustRoot, &made.encode());
        assert_eq!(TrustRoot::decode(&hex(&case["payload"])).unwrap(), made);
    }
}

#[test]
fn log_entries_encode_and_decode_as_in_the_vectors() {
    for case in cases("log-entry") {
        let made = log_entry(&case["fields"]);
        check_signed(&case, ObjectType::LogEntry, Namespace::LogEntry, &made.encode());
        assert_eq!(LogEntry::decode(&hex(&case["payload"])).unwrap(), made);
    }
}

#[test]
fn signing_gives_the_signatures_of_the_vectors() {
    let vectors = load("signature");
    let pem = text(&vectors["secret_key"]);
    let key =
        SecretKey::from_openssh(pem.as_bytes(), Path::new("vectors"), &mut |_| Ok(None)).unwrap();
    assert_eq!(to_hex(&key.public().as_bytes().to_vec()), text(&vectors["key"]));
    for case in list(&vectors["cases"]) {
        let name = text(&case["namespace"]);
        let namespace = Namespace::ALL.into_iter().find(|n| n.as_str() == name).unwrap();
        let (payload, signature) = (hex(&case["payload"]), hex(&case["signature"]));
        assert_eq!(key.sign(namespace, &payload).unwrap(), signature, "{name}");
        assert_eq!(verify(namespace, &payload, &signature).unwrap(), key.public(), "{name}");
    }
}

fn element(value: &Json) -> tuple::Element {
    use tuple::{Element, Integer};
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "null" => Element::Null,
        "bytes" => Element::Bytes(hex(value)),
        "text" => Element::Text(text(value)),
        "nested" => Element::Nested(list(value).iter().map(element).collect()),
        "integer" => Element::Integer(Integer::new(text(value).parse().unwrap()).unwrap()),
        "double" => Element::Double(f64::from_bits(u64::from_be_bytes(array(value)))),
        _ => Element::Bool(value.as_bool().unwrap()),
    }
}

#[test]
fn tuples_encode_and_decode_as_in_the_vectors() {
    for case in cases("tuple") {
        let elements: Vec<_> = list(&case["elements"]).iter().map(element).collect();
        let encoded = hex(&case["encoded"]);
        assert_eq!(tuple::encode(&elements), encoded);
        assert_eq!(tuple::decode(&encoded).unwrap(), elements);
    }
}

fn attributes(value: &Json) -> Attributes {
    let read = |(name, one): (&String, &Json)| {
        let value = match one.get("text") {
            Some(said) => AttributeValue::Text(text(said)),
            None => AttributeValue::Bytes(hex(&one["bytes"])),
        };
        (name.clone(), value)
    };
    value.as_object().into_iter().flatten().map(read).collect()
}

fn component_key(value: &Json) -> ComponentKey {
    text(value).parse().unwrap()
}

#[test]
fn components_encode_and_decode_as_in_the_vectors() {
    for case in cases("component") {
        let (key, fields) = (component_key(&case["component"]), &case["fields"]);
        let origin = |one: &Json| match one[0].as_u64().unwrap() {
            0 => Origin::Path(RepoPath::parse(hex(&one[1])).unwrap()),
            _ => Origin::External(hex(&one[1])),
        };
        let made = Component {
            content: optional(&fields["content"], id),
            origins: list(&fields["origin"]).iter().map(origin).collect(),
            attributes: attributes(&fields["attributes"]),
            was: optional(&fields["was"], component_key),
        };
        let encoded = (hex(&case["key"]), hex(&case["encoded"]));
        assert_eq!((key.encode(), made.encode()), encoded, "{}", case["name"]);
        assert_eq!(ComponentKey::decode(&encoded.0).unwrap(), key);
        assert_eq!(Component::decode(&encoded.1).unwrap(), made);
    }
}

#[test]
fn edges_encode_and_decode_as_in_the_vectors() {
    for case in cases("edge") {
        let (ends, fields) = (&case["ends"], &case["fields"]);
        let key = EdgeKey {
            from: component_key(&ends[0]),
            relation: text(&ends[1]),
            to: component_key(&ends[2]),
        };
        let made = Edge {
            declared: optional(&fields["declared"], attributes),
            discovered: optional(&fields["discovered"], attributes),
        };
        let encoded = (hex(&case["key"]), hex(&case["encoded"]));
        assert_eq!((key.encode(), made.encode()), encoded, "{}", case["name"]);
        assert_eq!(EdgeKey::decode(&encoded.0).unwrap(), key);
        assert_eq!(Edge::decode(&encoded.1).unwrap(), made);
    }
}

#[test]
fn what_lives_outside_encodes_and_decodes_as_in_the_vectors() {
    for case in cases("external") {
        let part = |one: &Json| tuple::Element::Text(text(one));
        let key = ExternalKey {
            component: component_key(&case["component"]),
            part: list(&case["part"]).iter().map(part).collect(),
        };
        let (found, size) = (id(&case["fields"][1]), case["fields"][2].as_u64().unwrap());
        let made = match case["fields"][0].as_u64().unwrap() {
            0 => ExternalEntry::Content { blob: BlobId::from_id(found), size },
            _ => ExternalEntry::Table { root: NodeId::from_id(found), size },
        };
        let encoded = (hex(&case["key"]), hex(&case["encoded"]));
        assert_eq!((key.encode(), made.encode()), encoded, "{}", case["name"]);
        assert_eq!(ExternalKey::decode(&encoded.0).unwrap(), key);
        assert_eq!(ExternalEntry::decode(&encoded.1).unwrap(), made);
    }
}

#[test]
fn the_splitter_ends_nodes_where_the_vectors_do() {
    let vectors = load("splitter");
    let rate: Vec<_> = list(&vectors["rate"]).iter().filter_map(Json::as_u64).collect();
    assert_eq!(rate, RATE.map(u64::from));
    for case in list(&vectors["cases"]) {
        let mut splitter = Splitter::new(case["level"].as_u64().unwrap() as u8).unwrap();
        let mut ends = Vec::new();
        for (index, entry) in list(&case["entries"]).iter().enumerate() {
            let (key, len) = (hex(&entry[0]), entry[1].as_u64().unwrap() as usize);
            if splitter.push(&key, len) {
                ends.push(index);
                splitter.restart();
            }
        }
        let expected: Vec<_> = list(&case["ends"]).iter().filter_map(Json::as_u64).collect();
        let ends: Vec<_> = ends.into_iter().map(|index| index as u64).collect();
        assert_eq!(ends, expected, "{}", case["name"]);
    }
}

fn schema(case: &Json) -> Schema {
    Schema::from_name(case["schema"].as_str().unwrap()).unwrap()
}

fn value(json: &Json) -> Value {
    match json[0].as_u64() {
        Some(0) => Value::Inline(hex(&json[1])),
        _ => Value::Blob { id: BlobId::from_id(id(&json[1])), size: json[2].as_u64().unwrap() },
    }
}

/// Builds a map and checks its root against a case; gives the nodes.
fn build(case: &Json, entries: &[(Vec<u8>, Value)]) -> MemoryNodes {
    let mut nodes = MemoryNodes::new();
    let mut builder = Builder::new(schema(case), nodes.sink());
    for (key, value) in entries {
        builder.push(key, value.as_ref()).unwrap();
    }
    let root = builder.finish().unwrap();
    assert_eq!(root.id.id(), id(&case["root"]));
    let found = (root.count, root.bytes, u64::from(root.level));
    let number = |field: &str| case[field].as_u64().unwrap();
    assert_eq!(found, (number("count"), number("bytes"), number("level")));
    nodes
}

#[test]
fn maps_are_built_of_the_nodes_of_the_vectors() {
    for case in cases("map") {
        let read = |one: &Json| (hex(&one[0]), value(&one[1]));
        let entries: Vec<_> = list(&case["entries"]).iter().map(read).collect();
        let nodes = build(&case, &entries);
        let mut expected = Vec::new();
        for node in list(&case["nodes"]) {
            let encoded: Arc<[u8]> = hex(&node["encoded"]).into();
            assert_eq!(Node::decode(encoded).unwrap().id().id(), id(&node["id"]));
            expected.push(NodeId::from_id(id(&node["id"])));
        }
        let mut built: Vec<_> = nodes.ids().collect();
        built.sort();
        expected.sort();
        assert_eq!(built, expected, "{}", case["name"]);
        let map = Map::open(&nodes, NodeId::from_id(id(&case["root"])), schema(&case)).unwrap();
        let read: Vec<_> = map.iter().map(Result::unwrap).collect();
        assert_eq!(read, entries, "{}", case["name"]);
    }
}

#[test]
fn large_maps_have_the_roots_of_the_vectors() {
    for case in cases("map-by-rule") {
        let repeat = case["repeat"].as_u64().unwrap() as usize;
        let entry = |n: u64| {
            let key = (n as u32).to_be_bytes().to_vec();
            let content = BlobId::of(&key).as_bytes().repeat(repeat);
            (key, Value::of(&content))
        };
        let entries: Vec<_> = (0..case["entries"].as_u64().unwrap()).map(entry).collect();
        let nodes = build(&case, &entries);
        assert_eq!(nodes.len() as u64, case["nodes"].as_u64().unwrap());
        let mut ids: Vec<_> = nodes.ids().map(|id| *id.as_bytes()).collect();
        ids.sort();
        assert_eq!(BlobId::of(&ids.concat()).id(), id(&case["nodes_hash"]));
    }
}

#[test]
fn tree_entries_encode_and_decode_as_in_the_vectors() {
    let case = cases("map").into_iter().find(|c| c["name"] == "every kind of tree entry").unwrap();
    let mut kinds = Vec::new();
    for one in list(&case["entries"]) {
        let encoded = hex(&one[1][1]);
        let entry = TreeEntry::decode(&encoded).unwrap();
        assert_eq!(entry.encode(), encoded);
        kinds.push(entry.kind());
    }
    kinds.sort();
    kinds.dedup();
    let all = [EntryKind::File, EntryKind::Executable, EntryKind::Symlink, EntryKind::Directory];
    assert_eq!(kinds, all);
}

#[test]
fn contexts_are_those_of_the_vectors() {
    for case in cases("checksum") {
        let hash = blake3::derive_key(case["context"].as_str().unwrap(), &hex(&case["input"]));
        assert_eq!(to_hex(&hash), text(&case["hash"]));
    }
    let known = cases("checksum").iter().map(|c| text(&c["context"])).collect::<Vec<_>>();
    for context in [
        aisr::object::PackId::CONTEXT,
        FormatId::CONTEXT,
        aisr::object::AttestationId::CONTEXT,
        aisr::object::DelegationId::CONTEXT,
    ] {
        assert!(known.iter().any(|one| one == context), "{context}");
    }
}

#[test]
fn what_the_vectors_call_wrong_is_refused() {
    for case in cases("refused") {
        let bytes = hex(&case["bytes"]);
        let refused = match case["type"].as_str().unwrap() {
            "commit" => Commit::decode(&bytes).is_err(),
            "tag" => Tag::decode(&bytes).is_err(),
            "trust-root" => TrustRoot::decode(&bytes).is_err(),
            "log-entry" => LogEntry::decode(&bytes).is_err(),
            "recipe" => RecipeNode::decode(&bytes).is_err(),
            "node" => Node::decode(bytes.into()).is_err(),
            "component" => {
                let key = ComponentKey::decode(&hex(&case["key"]));
                key.is_err() || Component::decode(&bytes).is_err()
            }
            "edge" => EdgeKey::decode(&hex(&case["key"])).is_err() || Edge::decode(&bytes).is_err(),
            "external" => {
                let key = ExternalKey::decode(&hex(&case["key"]));
                key.is_err() || ExternalEntry::decode(&bytes).is_err()
            }
            _ => Signed::decode(&bytes).is_err(),
        };
        assert!(refused, "a {} is accepted: {}", case["type"], case["why"]);
    }
}
