//! Models: weights by what they begin with, the files beside them, adapters.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Head;
use super::classify::WEIGHTS;
use super::draft::{Draft, Reference};
use super::finder::Finder;
use super::names::candidates;
use super::place::{ending_of, folder_of, name_of, stem_of};
use crate::object::ComponentKind;

/// So much of a file tells what it is.
const HEAD: usize = 16;
const ADAPTER_CONFIG: &str = "adapter_config.json";
/// Names of weights that say nothing: the folder says which model it is.
const GENERIC: [&str; 14] = [
    "model",
    "pytorch_model",
    "adapter_model",
    "tf_model",
    "flax_model",
    "consolidated",
    "weights",
    "diffusion_pytorch_model",
    "ggml-model",
    "model_quantized",
    "model_fp16",
    "model_int8",
    "open_clip_model",
    "open_clip_pytorch_model",
];
/// Names of folders that say no more.
const GENERIC_FOLDERS: [&str; 8] =
    ["model", "models", "weights", "onnx", "checkpoints", "adapters", "snapshots", "transformer"];
/// Files beside weights that are part of the model.
const COMPANIONS: [&str; 29] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "preprocessor_config.json",
    "processor_config.json",
    "chat_template.jinja",
    "chat_template.json",
    ADAPTER_CONFIG,
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    "modules.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
    "quantize_config.json",
    "params.json",
    "model_index.json",
    "optimizer.pt",
    "scheduler.pt",
    "training_args.bin",
    "trainer_state.json",
];
/// A folder with so many of them is one model as a whole.
const WHOLE_FOLDER: usize = 4;

/// Whether a file of this lower-case name is part of the model that lies beside it.
pub(super) fn is_companion(name: &str) -> bool {
    COMPANIONS.contains(&name)
}

pub(super) fn find(finder: &mut Finder<'_>) {
    let weights: Vec<String> = finder
        .paths
        .iter()
        .filter(|path| WEIGHTS.contains(&ending_of(path).as_str()))
        .filter(|path| !is_companion(name_of(path)) && !finder.is_claimed(path))
        .cloned()
        .collect();
    // Of each folder: the models in it, by the name that their weights have.
    let mut folders: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for path in weights {
        let Some(head) = finder.head(&path, HEAD) else { continue };
        let stem = without_shard(stem_of(&path));
        let generic = is_generic(stem);
        let ending = ending_of(&path);
        if is_model(&ending, &head) && (ending != "bin" || generic) {
            let name = if generic { String::new() } else { format!("{stem}.{ending}") };
            let models = folders.entry(folder_of(&path).to_owned()).or_default();
            models.entry(name).or_default().push(path);
        }
    }
    let inner: BTreeSet<String> = folders.keys().cloned().collect();
    for (folder, models) in &folders {
        let above = folder_of(folder);
        if name_of(folder) == "onnx"
            && models.len() == 1
            && let (Some(files), Some(index)) = (models.get(""), above_model(finder, above))
        {
            files.iter().for_each(|file| finder.extend(index, file));
            continue;
        }
        let alone = models.len() == 1;
        for (name, files) in models {
            let draft = draft(folder, name, files);
            let index = finder.add(draft);
            if alone {
                take_companions(finder, index, folder, name.is_empty(), &inner);
            }
        }
    }
}

/// The model with a name that says nothing, right in this folder.
fn above_model(finder: &Finder<'_>, folder: &str) -> Option<usize> {
    let mut weights = finder.right_in(folder).filter(|path| is_generic(stem_of(path)));
    weights.find_map(|path| finder.owner(path))
}

fn draft(folder: &str, name: &str, files: &[String]) -> Draft {
    let first = files.first().map_or("", String::as_str);
    let names = match name.rsplit_once('.') {
        Some((stem, ending)) => {
            let mut texts = vec![stem.to_owned(), format!("{stem}-{ending}")];
            texts.extend(telling_folders(folder).map(|above| format!("{above}-{stem}")));
            candidates(texts.iter().map(String::as_str))
        }
        None => {
            let mut long = String::new();
            let mut texts = Vec::new();
            for above in telling_folders(folder) {
                long = if long.is_empty() { above.to_owned() } else { format!("{above}-{long}") };
                texts.push(long.clone());
            }
            texts.push(without_shard(stem_of(first)).to_owned());
            candidates(texts.iter().map(String::as_str))
        }
    };
    Draft { files: files.to_vec(), ..Draft::new(ComponentKind::Model, names, first) }
}

/// The folders above, the nearest first, without those whose names say nothing.
fn telling_folders(folder: &str) -> impl Iterator<Item = &str> {
    let is_hash = |part: &str| part.len() >= 32 && part.bytes().all(|b| b.is_ascii_hexdigit());
    folder
        .rsplit('/')
        .filter(move |part| !part.is_empty() && !GENERIC_FOLDERS.contains(part) && !is_hash(part))
}

fn take_companions(
    finder: &mut Finder<'_>,
    index: usize,
    folder: &str,
    generic: bool,
    inner: &BTreeSet<String>,
) {
    let beside = finder.right_in(folder).filter(|path| is_companion(name_of(path)));
    let beside: Vec<String> = beside.map(str::to_owned).collect();
    let another_below = inner.iter().any(|other| super::place::is_within(other, folder));
    if generic && beside.len() >= WHOLE_FOLDER && !folder.is_empty() && !another_below {
        finder.claim_folder(folder, index);
    }
    for path in &beside {
        finder.extend(index, path);
        if name_of(path) == ADAPTER_CONFIG
            && let Some(document) = finder.document(path)
            && let Some(Value::String(base)) = document.fields.get("base_model_name_or_path")
            && let Some(draft) = finder.drafts.get_mut(index)
        {
            draft.references.push(Reference {
                relation: "derived-from",
                to: ComponentKind::Model,
                value: base.clone(),
                folder: folder.to_owned(),
                file: path.clone(),
                at: "/base_model_name_or_path".into(),
                attributes: BTreeMap::new(),
            });
        }
    }
}

fn is_generic(stem: &str) -> bool {
    GENERIC.contains(&without_shard(stem).to_ascii_lowercase().as_str())
}

/// `model-00001-of-00004` is a part of `model`.
fn without_shard(stem: &str) -> &str {
    shard(stem).map_or(stem, |(before, _)| before)
}

/// What stands before `-00001-of-00004`, and the number of parts as it is written.
pub(super) fn shard(stem: &str) -> Option<(&str, &str)> {
    let (rest, total) = stem.rsplit_once("-of-")?;
    let (before, part) = rest.rsplit_once('-')?;
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(total) && digits(part) && !before.is_empty()).then_some((before, total))
}

/// Whether a file begins as its ending says: safetensors (8 bytes of length, then a map in JSON),
/// GGUF and the formats before it, ONNX (a protobuf whose first field is the version of its
/// format), PyTorch (a zip archive or a pickle).
fn is_model(ending: &str, head: &Head) -> bool {
    let bytes = head.bytes.as_slice();
    match ending {
        "safetensors" => {
            let len = bytes.first_chunk().map(|len| u64::from_le_bytes(*len));
            let fits = len.and_then(|len| len.checked_add(8)).is_some_and(|end| end <= head.size);
            fits && bytes.get(8) == Some(&b'{')
        }
        "gguf" | "ggml" => {
            [b"GGUF", b"lmgg", b"fmgg", b"tjgg"].iter().any(|magic| bytes.starts_with(*magic))
        }
        "onnx" => bytes.first() == Some(&8) && bytes.get(1).is_some_and(|v| (1..=32).contains(v)),
        _ => {
            let pickle = bytes.first() == Some(&0x80) && bytes.get(1).is_some_and(|v| *v < 6);
            bytes.starts_with(b"PK\x03\x04") || pickle
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_told_by_how_they_begin() {
        let is = |ending, bytes: &[u8], size| is_model(ending, &Head { bytes: bytes.into(), size });
        assert!(is("safetensors", b"\x02\0\0\0\0\0\0\0{}", 10));
        assert!(!is("safetensors", b"\x03\0\0\0\0\0\0\0{}", 10), "longer than the file");
        assert!(!is("safetensors", &[0xff; 16], 16));
        assert!(!is("safetensors", b"version https://git-lfs", 130));
        assert!(is("gguf", b"GGUF\x03", 5) && !is("gguf", b"x", 1));
        assert!(is("onnx", b"\x08\x07\x12", 3) && !is("onnx", b"", 0));
        assert!(is("pt", b"PK\x03\x04", 4) && is("pth", b"\x80\x02", 2) && !is("ckpt", b"x", 1));
    }

    #[test]
    fn a_part_of_a_model_is_told_by_its_number() {
        assert_eq!(shard("model-00001-of-00004"), Some(("model", "00004")));
        assert_eq!(without_shard("model-1-of-4"), "model-1-of-4");
        assert_eq!(without_shard("-00001-of-00004"), "-00001-of-00004");
    }
}
