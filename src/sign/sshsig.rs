//! The raw SSHSIG: how a signature stands in an object (OpenSSH's `PROTOCOL.sshsig`).

use ed25519_dalek::Signature;
use sha2::{Digest, Sha256};
use ssh_key::HashAlg;

use super::wire::{self, Reader};
use super::{Namespace, PublicKey, SignError};

/// The most bytes that a raw SSHSIG may have.
pub const SSHSIG_LIMIT: usize = 4096;

const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
const HASH: &str = "sha512";

/// The flag by which a security key says that somebody touched it (`PROTOCOL.u2f`, "SSH U2F
/// signatures").
const USER_PRESENCE: u8 = 0x01;

/// A well-formed SSHSIG by an ed25519 key, not yet checked against a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshSig {
    /// The key that the signature names; a claim until [`verify`] accepts it.
    pub key: PublicKey,
    /// What the signature speaks for.
    pub namespace: String,
    signature: RawSignature,
}

/// What stands in the signature blob; its form is that of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawSignature {
    bytes: [u8; 64],
    /// What a security key adds (`PROTOCOL.u2f`, "SSH U2F signatures").
    touch: Option<Touch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Touch {
    flags: u8,
    counter: u32,
}

/// Checks a raw SSHSIG over a payload and returns the key that made it.
///
/// The key alone proves: whether it is a key that one trusts, the caller judges. The check is
/// strict: one encoding, one namespace, no small-order point in key or signature, no S beyond the
/// group's order (RFC 8032 §5.1.7). A security key must have been touched.
pub fn verify(namespace: Namespace, payload: &[u8], sshsig: &[u8]) -> Result<PublicKey, SignError> {
    let SshSig { key, namespace: found, signature } = parse_sshsig(sshsig)?;
    if found != namespace.as_str() {
        return Err(SignError::WrongNamespace { expected: namespace, found });
    }
    let mut signed = signed_data(&found, payload)?;
    if let (Some(application), Some(touch)) = (key.as_bytes().application(), signature.touch) {
        if touch.flags & USER_PRESENCE == 0 {
            return Err(SignError::NotTouched { key: key.into() });
        }
        signed = security_key_data(application, touch, &signed);
    }
    key.point()?
        .verify_strict(&signed, &Signature::from_bytes(&signature.bytes))
        .map_err(|_| SignError::BadSignature { key: key.into() })?;
    Ok(key)
}

/// Takes a raw SSHSIG apart, refusing all but the one encoding that is ours.
///
/// Version 1, an ed25519 key that is not weak, on a security key or not, a namespace that is text
/// and not empty, nothing reserved, sha512, and nothing after the end.
pub fn parse_sshsig(sshsig: &[u8]) -> Result<SshSig, SignError> {
    if sshsig.len() > SSHSIG_LIMIT {
        return Err(SignError::SignatureTooLong { length: sshsig.len(), limit: SSHSIG_LIMIT });
    }
    let mut reader = Reader::new(sshsig);
    if reader.bytes(MAGIC.len()) != Some(MAGIC) {
        return Err(malformed("magic"));
    }
    let version = reader.uint32().ok_or_else(|| malformed("version"))?;
    if version != VERSION {
        return Err(SignError::SignatureVersion { version });
    }
    let key = reader.string().ok_or_else(|| malformed("public key"))?;
    let key = PublicKey::from_wire(key)?;
    let namespace = reader.string().ok_or_else(|| malformed("namespace"))?;
    let namespace = parse_namespace(namespace)?;
    let reserved = reader.string().ok_or_else(|| malformed("reserved"))?;
    if !reserved.is_empty() {
        return Err(SignError::ReservedNotEmpty);
    }
    let hash = reader.string().ok_or_else(|| malformed("hash algorithm"))?;
    if hash != HASH.as_bytes() {
        return Err(SignError::SignatureHash);
    }
    let signature = reader.string().ok_or_else(|| malformed("signature"))?;
    let signature = parse_signature(signature, key)?;
    if reader.remaining() != 0 {
        return Err(SignError::TrailingBytes { count: reader.remaining() });
    }
    // The reader above admits one encoding only; this keeps it so whatever becomes of the reader.
    if encode(key, &namespace, &signature) != sshsig {
        return Err(malformed("encoding"));
    }
    Ok(SshSig { key, namespace, signature })
}

fn parse_namespace(bytes: &[u8]) -> Result<String, SignError> {
    match str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(malformed("namespace")),
    }
}

/// Reads a signature blob by `key` (RFC 8709 §6; `PROTOCOL.u2f`).
pub(super) fn parse_signature(blob: &[u8], key: PublicKey) -> Result<RawSignature, SignError> {
    let mut reader = Reader::new(blob);
    let key_type = wire::read_name(&mut reader).ok_or_else(|| malformed("signature"))?;
    if key_type != key.key_type() {
        return Err(SignError::UnsupportedKeyType { key_type: key_type.to_owned() });
    }
    let signature = read_signature(&mut reader, key).filter(|_| reader.remaining() == 0);
    signature.ok_or_else(|| malformed("signature"))
}

fn read_signature(reader: &mut Reader<'_>, key: PublicKey) -> Option<RawSignature> {
    let bytes = reader.string_of()?;
    let touch = match key.is_security_key() {
        true => Some(Touch { flags: reader.byte()?, counter: reader.uint32()? }),
        false => None,
    };
    Some(RawSignature { bytes, touch })
}

/// Writes the raw SSHSIG (`PROTOCOL.sshsig`, "Blob format").
pub(super) fn encode(key: PublicKey, namespace: &str, signature: &RawSignature) -> Vec<u8> {
    let mut blob = Vec::with_capacity(96);
    wire::put_string(&mut blob, key.key_type().as_bytes());
    wire::put_string(&mut blob, &signature.bytes);
    if let Some(touch) = signature.touch {
        blob.push(touch.flags);
        blob.extend_from_slice(&touch.counter.to_be_bytes());
    }
    let mut out = Vec::with_capacity(256 + namespace.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    wire::put_string(&mut out, &key.to_wire());
    wire::put_string(&mut out, namespace.as_bytes());
    wire::put_string(&mut out, b"");
    wire::put_string(&mut out, HASH.as_bytes());
    wire::put_string(&mut out, &blob);
    out
}

/// The signature of a plain key.
pub(super) fn plain(bytes: [u8; 64]) -> RawSignature {
    RawSignature { bytes, touch: None }
}

/// What a security key signs in place of the data (`PROTOCOL.u2f`, "SSH U2F signatures").
fn security_key_data(application: &[u8], touch: Touch, data: &[u8]) -> Vec<u8> {
    let mut out = Sha256::digest(application).to_vec();
    out.push(touch.flags);
    out.extend_from_slice(&touch.counter.to_be_bytes());
    out.extend_from_slice(&Sha256::digest(data));
    out
}

/// The bytes that the key signs (`PROTOCOL.sshsig`, "Signed Data, of which the signature goes
/// into the blob above").
pub(super) fn signed_data(namespace: &str, payload: &[u8]) -> Result<Vec<u8>, SignError> {
    ssh_key::SshSig::signed_data(namespace, HashAlg::Sha512, payload)
        .map_err(|source| SignError::Encoding { source })
}

fn malformed(field: &'static str) -> SignError {
    SignError::MalformedSignature { field }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::KeyBytes;
    use crate::sign::SecretKey;
    use ed25519_dalek::{Signer, SigningKey, Verifier, VerifyingKey};
    use proptest::prelude::*;

    const PAYLOAD: &[u8] = b"this was the system at this time";

    fn secret() -> SecretKey {
        SecretKey::from_seed(&[7; 32], "")
    }

    fn signed() -> Vec<u8> {
        secret().sign(Namespace::Commit, PAYLOAD).unwrap()
    }

    fn flip(bytes: &[u8], bit: usize) -> Vec<u8> {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    }

    fn named(raw: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        wire::put_string(&mut out, wire::ED25519.as_bytes());
        wire::put_string(&mut out, raw);
        out
    }

    /// A security key made of software, and what it signs.
    fn touched(flags: u8, application: &[u8]) -> Vec<u8> {
        let secret = SigningKey::from_bytes(&[9; 32]);
        let point = secret.verifying_key().to_bytes();
        let bytes = KeyBytes::security_key(point, b"ssh:work").unwrap();
        let key = PublicKey::from_bytes(&bytes).unwrap();
        let touch = Touch { flags, counter: 7 };
        let signed = signed_data("commit@aisr", PAYLOAD).unwrap();
        let bytes = secret.sign(&security_key_data(application, touch, &signed)).to_bytes();
        encode(key, "commit@aisr", &RawSignature { bytes, touch: Some(touch) })
    }

    #[test]
    fn security_key_that_was_touched_is_accepted() {
        for flags in [0x01, 0x05] {
            let key = verify(Namespace::Commit, PAYLOAD, &touched(flags, b"ssh:work")).unwrap();
            assert_eq!(key.as_bytes().application(), Some(&b"ssh:work"[..]));
        }
    }

    #[test]
    fn security_key_that_nobody_touched_is_refused() {
        for flags in [0x00, 0x04] {
            assert!(matches!(
                verify(Namespace::Commit, PAYLOAD, &touched(flags, b"ssh:work")),
                Err(SignError::NotTouched { .. })
            ));
        }
    }

    #[test]
    fn security_key_is_bound_to_its_application() {
        assert!(matches!(
            verify(Namespace::Commit, PAYLOAD, &touched(0x01, b"ssh:")),
            Err(SignError::BadSignature { .. })
        ));
    }

    #[test]
    fn every_flipped_bit_of_a_security_keys_sshsig_is_refused() {
        let sshsig = touched(0x01, b"ssh:work");
        for bit in 0..sshsig.len() * 8 {
            assert!(verify(Namespace::Commit, PAYLOAD, &flip(&sshsig, bit)).is_err(), "bit {bit}");
        }
        for length in 0..sshsig.len() {
            assert!(parse_sshsig(&sshsig[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn signature_of_the_other_type_of_key_is_refused() {
        let SshSig { signature, namespace, .. } = parse_sshsig(&touched(1, b"ssh:work")).unwrap();
        let sshsig = encode(secret().public(), &namespace, &signature);
        assert!(verify(Namespace::Commit, PAYLOAD, &sshsig).is_err());
        let SshSig { key, .. } = parse_sshsig(&touched(1, b"ssh:work")).unwrap();
        let SshSig { signature, .. } = parse_sshsig(&signed()).unwrap();
        let sshsig = encode(key, &namespace, &signature);
        assert!(verify(Namespace::Commit, PAYLOAD, &sshsig).is_err());
    }

    /// An SSHSIG with the fields given, and a signature of the right form that fits nothing.
    fn assemble(version: u32, key: &[u8], reserved: &[u8], hash: &[u8]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&version.to_be_bytes());
        wire::put_string(&mut out, key);
        wire::put_string(&mut out, b"commit@aisr");
        wire::put_string(&mut out, reserved);
        wire::put_string(&mut out, hash);
        wire::put_string(&mut out, &named(&[0; 64]));
        out
    }

    #[test]
    fn signature_verifies_and_names_its_key() {
        for namespace in Namespace::ALL {
            let sshsig = secret().sign(namespace, PAYLOAD).unwrap();
            assert_eq!(verify(namespace, PAYLOAD, &sshsig).unwrap(), secret().public());
        }
    }

    #[test]
    fn empty_payload_can_be_signed() {
        let sshsig = secret().sign(Namespace::Tag, b"").unwrap();
        assert_eq!(verify(Namespace::Tag, b"", &sshsig).unwrap(), secret().public());
    }

    #[test]
    fn signing_twice_gives_the_same_bytes() {
        assert_eq!(signed(), signed());
    }

    #[test]
    fn signature_for_one_namespace_is_refused_for_every_other() {
        for made_for in Namespace::ALL {
            let sshsig = secret().sign(made_for, PAYLOAD).unwrap();
            for other in Namespace::ALL.into_iter().filter(|other| *other != made_for) {
                assert!(matches!(
                    verify(other, PAYLOAD, &sshsig),
                    Err(SignError::WrongNamespace { expected, found })
                        if expected == other && found == made_for.as_str()
                ));
            }
        }
    }

    #[test]
    fn namespace_rewritten_after_signing_is_refused() {
        let SshSig { key, signature, .. } = parse_sshsig(&signed()).unwrap();
        let forged = encode(key, Namespace::Tag.as_str(), &signature);
        assert!(matches!(
            verify(Namespace::Tag, PAYLOAD, &forged),
            Err(SignError::BadSignature { .. })
        ));
    }

    #[test]
    fn key_put_in_place_of_the_signer_is_refused() {
        let SshSig { namespace, signature, .. } = parse_sshsig(&signed()).unwrap();
        let other = SecretKey::from_seed(&[8; 32], "").public();
        let forged = encode(other, &namespace, &signature);
        assert!(matches!(
            verify(Namespace::Commit, PAYLOAD, &forged),
            Err(SignError::BadSignature { key }) if *key == other
        ));
    }

    #[test]
    fn every_flipped_bit_of_the_sshsig_is_refused() {
        let sshsig = signed();
        for bit in 0..sshsig.len() * 8 {
            let flipped = flip(&sshsig, bit);
            assert!(verify(Namespace::Commit, PAYLOAD, &flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_flipped_bit_of_the_payload_is_refused() {
        let sshsig = signed();
        for bit in 0..PAYLOAD.len() * 8 {
            assert!(matches!(
                verify(Namespace::Commit, &flip(PAYLOAD, bit), &sshsig),
                Err(SignError::BadSignature { .. })
            ));
        }
    }

    #[test]
    fn every_shorter_sshsig_is_refused() {
        let sshsig = signed();
        for length in 0..sshsig.len() {
            assert!(parse_sshsig(&sshsig[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn bytes_after_the_sshsig_are_refused() {
        let mut sshsig = signed();
        sshsig.extend_from_slice(b"ab");
        assert!(matches!(parse_sshsig(&sshsig), Err(SignError::TrailingBytes { count: 2 })));
    }

    #[test]
    fn sshsig_beyond_the_limit_is_refused_unread() {
        assert!(matches!(
            parse_sshsig(&[0; SSHSIG_LIMIT + 1]),
            Err(SignError::SignatureTooLong { .. })
        ));
    }

    #[test]
    fn other_versions_are_refused() {
        let key = secret().public().to_wire();
        for version in [0, 2, u32::MAX] {
            assert!(matches!(
                parse_sshsig(&assemble(version, &key, b"", b"sha512")),
                Err(SignError::SignatureVersion { version: found }) if found == version
            ));
        }
    }

    #[test]
    fn reserved_bytes_are_refused() {
        let key = secret().public().to_wire();
        assert!(matches!(
            parse_sshsig(&assemble(1, &key, b"x", b"sha512")),
            Err(SignError::ReservedNotEmpty)
        ));
    }

    #[test]
    fn other_hashes_are_refused() {
        let key = secret().public().to_wire();
        for hash in [&b"sha256"[..], b"SHA512", b"sha512 ", b""] {
            assert!(matches!(
                parse_sshsig(&assemble(1, &key, b"", hash)),
                Err(SignError::SignatureHash)
            ));
        }
    }

    #[test]
    fn other_key_types_are_refused_by_name() {
        for name in ["ssh-rsa", "ecdsa-sha2-nistp256", "sk-ecdsa-sha2-nistp256@openssh.com"] {
            let mut key = Vec::new();
            wire::put_string(&mut key, name.as_bytes());
            wire::put_string(&mut key, &[1; 32]);
            assert!(matches!(
                parse_sshsig(&assemble(1, &key, b"", b"sha512")),
                Err(SignError::UnsupportedKeyType { key_type }) if key_type == name
            ));
        }
    }

    /// With A and R the neutral point and S = 0 the equation S·B = R + k·A holds for every k.
    #[test]
    fn small_order_key_is_refused_though_its_signature_fits_every_payload() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&neutral);
        let signed = signed_data("commit@aisr", PAYLOAD).unwrap();
        VerifyingKey::from_bytes(&neutral)
            .unwrap()
            .verify(&signed, &Signature::from_bytes(&signature))
            .expect("accepted by a check that is not strict");
        let key = named(&neutral);
        assert!(matches!(
            verify(Namespace::Commit, PAYLOAD, &assemble(1, &key, b"", b"sha512")),
            Err(SignError::SmallOrderKey)
        ));
    }

    /// S + L, with L the order of the group, is the same scalar (RFC 8032 §5.1.7, step 1).
    #[test]
    fn scalar_beyond_the_order_of_the_group_is_refused() {
        const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
        let order = data_encoding::HEXLOWER.decode(ORDER.as_bytes()).unwrap();
        let SshSig { key, namespace, mut signature } = parse_sshsig(&signed()).unwrap();
        let mut carry = 0;
        for (byte, add) in signature.bytes[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum as u8;
            carry = sum >> 8;
        }
        assert_eq!(carry, 0);
        assert!(matches!(
            verify(Namespace::Commit, PAYLOAD, &encode(key, &namespace, &signature)),
            Err(SignError::BadSignature { .. })
        ));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(verify(Namespace::Commit, PAYLOAD, &bytes).is_err());
        }

        #[test]
        fn arbitrary_bytes_in_place_of_some_never_verify(
            start in 0_usize..180,
            bytes in proptest::collection::vec(any::<u8>(), 1..20),
        ) {
            let mut sshsig = signed();
            let start = start.min(sshsig.len());
            let end = sshsig.len().min(start + bytes.len());
            sshsig.splice(start..end, bytes);
            prop_assume!(sshsig != signed());
            prop_assert!(verify(Namespace::Commit, PAYLOAD, &sshsig).is_err());
        }

        #[test]
        fn what_parses_has_one_encoding(bit in 0_usize..183 * 8) {
            let flipped = flip(&signed(), bit % (signed().len() * 8));
            if let Ok(SshSig { key, namespace, signature }) = parse_sshsig(&flipped) {
                prop_assert_eq!(encode(key, &namespace, &signature), flipped);
            }
        }

        #[test]
        fn any_payload_round_trips(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
            let sshsig = secret().sign(Namespace::LogEntry, &payload).unwrap();
            prop_assert_eq!(
                verify(Namespace::LogEntry, &payload, &sshsig).unwrap(),
                secret().public()
            );
        }
    }
}
