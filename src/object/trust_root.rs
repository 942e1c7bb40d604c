//! The genesis of a repository, and the trust roots that say which keys belong to whom.

use super::cbor::{DecodeError, MapWriter, Reader, Writer, check_len};
use super::signed::{self, Extensions, Head, Stamp, filled, need, same, set, text, word};
use super::{FormatId, Id, KeyBytes, PrincipalId, RepositoryId, TrustRootId, limits};

/// Who may do what, from one point of a place's log on (`docs/format.md`, "Trust root").
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustRoot {
    /// The repository; absent in version 1, which the genesis embeds.
    pub repo: Option<RepositoryId>,
    /// 1, 2, 3, …
    pub version: u64,
    /// The root of the version before; absent in version 1.
    pub previous: Option<TrustRootId>,
    /// Everybody this root knows, by ascending id.
    pub principals: Vec<Principal>,
    /// Who holds which role, and how many of them must agree.
    pub roles: Vec<Role>,
    /// What refs and HEAD named when it was made, ascending: these commits and tags, and those
    /// behind them, were there while the root before was in force.
    pub heads: Vec<Id>,
    /// When it ceases to be in force.
    pub expires: Option<Stamp>,
    /// What later versions add.
    pub ext: Extensions,
}

/// A person, service or agent, with the keys that prove it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal {
    /// Random, and for ever.
    pub id: PrincipalId,
    /// What it is called; the first is printed.
    pub names: Vec<String>,
    /// `person`, `service`, `agent`, …
    pub kind: String,
    /// Who answers for it, if not itself.
    pub controller: Option<PrincipalId>,
    /// Its public keys, ascending.
    pub keys: Vec<KeyBytes>,
}

/// A role, its holders, and how many of them must agree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Role {
    /// `root` may sign the next trust root; others come with the rules that use them.
    pub name: String,
    /// Who holds it, ascending.
    pub holders: Vec<PrincipalId>,
    /// How many must agree, at least 1.
    pub threshold: u64,
}

impl TrustRoot {
    /// The role whose holders may sign the next trust root.
    pub const ROLE: &str = "root";

    /// The first root of a repository: one principal, who may sign the next.
    pub fn first(principal: Principal) -> Self {
        let root = Role { name: Self::ROLE.into(), holders: vec![principal.id], threshold: 1 };
        Self {
            repo: None,
            version: 1,
            previous: None,
            principals: vec![principal],
            roles: vec![root],
            heads: Vec::new(),
            expires: None,
            ext: Vec::new(),
        }
    }

    /// The id of a root that a genesis embeds: it has no signature of its own, so the id is that
    /// of the array `[payload]`.
    pub fn embedded_id(payload: &[u8]) -> TrustRootId {
        let mut w = Writer::new();
        w.array(1).bytes(payload);
        TrustRootId::of(&w.finish())
    }

    /// Who `key` belongs to.
    pub fn principal_of(&self, key: &KeyBytes) -> Option<&Principal> {
        self.principals.iter().find(|p| p.keys.contains(key))
    }

    /// The payload's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut m = signed::payload("trust-root");
        m.optional("repo", self.repo, |w, id| {
            w.bytes(id.as_bytes());
        });
        m.field("version", |w| {
            w.uint(self.version);
        });
        m.optional("previous", self.previous, |w, id| {
            w.bytes(id.as_bytes());
        });
        m.list("principals", &self.principals, |w, p| p.write(w));
        m.list("roles", &self.roles, |w, role| role.write(w));
        m.list("heads", &self.heads, |w, id| {
            w.bytes(id.as_bytes());
        });
        m.optional("expires", self.expires, |w, s| s.write(w));
        signed::write_ext(&mut m, &self.ext);
        m.finish()
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// When the bytes are not the one encoding of a trust root of this version, or a rule of its
    /// own is broken: a key that two principals hold, a holder that is no principal, a threshold
    /// that cannot be met.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        check_len("trust root", payload.len(), limits::LOG_ENTRY)?;
        let mut head = Head::new("trust-root");
        let (mut repo, mut version, mut previous, mut principals) = (None, None, None, None);
        let (mut roles, mut heads, mut expires, mut ext) = (None, None, None, None);
        let mut r = Reader::new(payload);
        r.fields(|r, name| match name {
            "repo" => set(&mut repo, signed::repository(r)?),
            "version" => set(&mut version, r.uint()?),
            "previous" => {
                set(&mut previous, TrustRootId::from_id(Id::new(r.array_of("previous")?)))
            }
            "principals" => set(&mut principals, r.list(Principal::read)?),
            "roles" => set(&mut roles, r.list(Role::read)?),
            "heads" => set(&mut heads, signed::id_list(r, "heads")?),
            "expires" => set(&mut expires, Stamp::read(r, "expires")?),
            "ext" => set(&mut ext, signed::read_ext(r)?),
            _ => head.read(r, name),
        })?;
        r.end()?;
        head.finish()?;
        let root = Self {
            repo,
            version: need(version, "version")?,
            previous,
            principals: filled(principals, "principals")?,
            roles: filled(roles, "roles")?,
            heads: filled(heads, "heads")?,
            expires,
            ext: ext.unwrap_or_default(),
        };
        root.check()?;
        same("trust root", payload, &root.encode())?;
        Ok(root)
    }

    fn check(&self) -> Result<(), DecodeError> {
        let invalid = |field, why| Err(DecodeError::Invalid { field, why });
        let first = self.version == 1;
        if self.version == 0 || first != self.previous.is_none() || first != self.repo.is_none() {
            return invalid("version", "version 1 alone has no predecessor and no repository");
        }
        if first && !self.heads.is_empty() || !self.heads.is_sorted_by(|a, b| a < b) {
            return invalid("heads", "in version 1, or not ascending");
        }
        if !self.principals.is_sorted_by(|a, b| a.id < b.id) {
            return invalid("principals", "not in ascending order of their ids");
        }
        if !self.roles.is_sorted_by(|a, b| a.name < b.name) {
            return invalid("roles", "not in ascending order of their names");
        }
        let mut keys: Vec<_> = self.principals.iter().flat_map(|p| &p.keys).collect();
        keys.sort();
        if keys.windows(2).any(|w| w[0] == w[1]) {
            return invalid("keys", "one key belongs to two principals");
        }
        let known = |id: &PrincipalId| self.principals.iter().any(|p| p.id == *id);
        for p in &self.principals {
            if !p.keys.is_sorted_by(|a, b| a < b) {
                return invalid("keys", "not in ascending order");
            }
            if p.controller.is_some_and(|c| !known(&c)) {
                return invalid("controller", "no principal has this id");
            }
        }
        for role in &self.roles {
            if !role.holders.is_sorted_by(|a, b| a < b) || !role.holders.iter().all(known) {
                return invalid("holders", "not ascending ids of principals");
            }
            if role.threshold == 0 || role.threshold > role.holders.len() as u64 {
                return invalid("threshold", "not between 1 and the number of holders");
            }
        }
        Ok(())
    }
}

impl Principal {
    fn write(&self, w: &mut Writer) {
        let mut m = MapWriter::new();
        m.field("id", |w| {
            w.bytes(self.id.as_bytes());
        });
        m.list("names", &self.names, |w, n| {
            w.text(n);
        });
        m.field("kind", |w| {
            w.text(&self.kind);
        });
        m.optional("controller", self.controller, |w, id| {
            w.bytes(id.as_bytes());
        });
        m.list("keys", &self.keys, |w, key| key.write(w));
        m.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut id, mut names, mut kind, mut controller, mut keys) =
            (None, None, None, None, None);
        r.fields(|r, name| match name {
            "id" => set(&mut id, PrincipalId::new(r.array_of("id")?)),
            "names" => set(&mut names, r.list(|r| text(r, "names"))?),
            "kind" => set(&mut kind, word(r, "kind")?),
            "controller" => set(&mut controller, PrincipalId::new(r.array_of("controller")?)),
            "keys" => set(&mut keys, r.list(KeyBytes::read)?),
            _ => Err(DecodeError::UnknownField(name.into())),
        })?;
        Ok(Self {
            id: need(id, "id")?,
            names: filled(names, "names")?,
            kind: need(kind, "kind")?,
            controller,
            keys: filled(keys, "keys")?,
        })
    }
}

impl Role {
    fn write(&self, w: &mut Writer) {
        let mut m = MapWriter::new();
        m.field("name", |w| {
            w.text(&self.name);
        });
        m.list("holders", &self.holders, |w, id| {
            w.bytes(id.as_bytes());
        });
        m.field("threshold", |w| {
            w.uint(self.threshold);
        });
        m.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut name, mut holders, mut threshold) = (None, None, None);
        r.fields(|r, field| match field {
            "name" => set(&mut name, word(r, "name")?),
            "holders" => {
                set(&mut holders, r.list(|r| Ok(PrincipalId::new(r.array_of("holders")?)))?)
            }
            "threshold" => set(&mut threshold, r.uint()?),
            _ => Err(DecodeError::UnknownField(field.into())),
        })?;
        Ok(Self {
            name: need(name, "name")?,
            holders: filled(holders, "holders")?,
            threshold: need(threshold, "threshold")?,
        })
    }
}

/// The first object of a repository, whose id is the repository's (`docs/format.md`, "Genesis").
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Genesis {
    /// Random, so that no two repositories share an id.
    pub nonce: [u8; 32],
    /// The hash of the identity part of `.aisr/format`.
    pub format: FormatId,
    /// The payload of trust root 1.
    pub trust_root: Vec<u8>,
    /// What later versions add.
    pub ext: Extensions,
}

impl Genesis {
    /// The payload's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut m = signed::payload("genesis");
        m.field("nonce", |w| {
            w.bytes(&self.nonce);
        });
        m.field("format", |w| {
            w.bytes(self.format.as_bytes());
        });
        m.field("trust-root", |w| {
            w.bytes(&self.trust_root);
        });
        signed::write_ext(&mut m, &self.ext);
        m.finish()
    }

    /// Reads a payload, and the trust root in it.
    ///
    /// # Errors
    /// When the bytes are not the one encoding of a genesis of this version, or the root in it is
    /// not a sound version 1.
    pub fn decode(payload: &[u8]) -> Result<(Self, TrustRoot), DecodeError> {
        check_len("genesis", payload.len(), limits::LOG_ENTRY)?;
        let mut head = Head::new("genesis");
        let (mut nonce, mut format, mut trust_root, mut ext) = (None, None, None, None);
        let mut r = Reader::new(payload);
        r.fields(|r, name| match name {
            "nonce" => set(&mut nonce, r.array_of("nonce")?),
            "format" => set(&mut format, FormatId::from_id(Id::new(r.array_of("format")?))),
            "trust-root" => set(&mut trust_root, r.bytes()?.to_vec()),
            "ext" => set(&mut ext, signed::read_ext(r)?),
            _ => head.read(r, name),
        })?;
        r.end()?;
        head.finish()?;
        let genesis = Self {
            nonce: need(nonce, "nonce")?,
            format: need(format, "format")?,
            trust_root: need(trust_root, "trust-root")?,
            ext: ext.unwrap_or_default(),
        };
        let root = TrustRoot::decode(&genesis.trust_root)?;
        if root.version != 1 {
            let why = "the embedded root is not version 1";
            return Err(DecodeError::Invalid { field: "trust-root", why });
        }
        same("genesis", payload, &genesis.encode())?;
        Ok((genesis, root))
    }
}
