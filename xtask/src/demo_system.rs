//! The sample system: a support desk of three agents, the same bytes on every run.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

/// Width of the sample's model.
const HIDDEN: usize = 256;
const LAYERS: usize = 4;
const VOCABULARY: usize = 4096;
const EPISODES: usize = 5_000;
const QUESTIONS: usize = 400;

const AGENTS: [(&str, &str); 3] = [
    ("triage", "Sort each request and hand it to the right agent."),
    ("refunds", "Decide refunds within policy."),
    ("reports", "Write the weekly report for the team."),
];

/// Writes the system into `root`, which must not exist.
pub fn make(root: &Path) -> io::Result<()> {
    let mut random = Random(2026);
    models(root, &mut random)?;
    for (name, task) in AGENTS {
        put(root, &format!("prompts/{name}.md"), prompt(name, task))?;
        put(root, &format!("agents/{name}.yaml"), agent(name, task))?;
    }
    let orders = ["lookup_order", "list_orders", "track_parcel", "change_address"];
    let payments = ["lookup_payment", "propose_refund", "pay_refund"];
    put(root, "tools/orders.json", pretty(&tools(&orders)))?;
    put(root, "tools/payments.json", pretty(&tools(&payments)))?;
    put(root, ".mcp.json", pretty(&servers()))?;
    put(root, "memory/episodes.jsonl", episodes(&mut random))?;
    put(root, "data/eval.csv", questions(&mut random))?;
    put(root, "README.md", "# Support desk\n\nThree agents answer, refund and report.\n")
}

fn put(root: &Path, path: &str, content: impl AsRef<[u8]>) -> io::Result<()> {
    let path = root.join(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn models(root: &Path, random: &mut Random) -> io::Result<()> {
    let mut tensors = vec![tensor("embed.weight", &[VOCABULARY, HIDDEN], 0.03, random)];
    for layer in 0..LAYERS {
        for (part, shape) in [
            ("attn.qkv", &[3 * HIDDEN, HIDDEN][..]),
            ("attn.o", &[HIDDEN, HIDDEN]),
            ("mlp.up", &[4 * HIDDEN, HIDDEN]),
            ("mlp.down", &[HIDDEN, 4 * HIDDEN]),
            ("norm", &[HIDDEN]),
        ] {
            let scale = 0.01 + 0.03 * random.unit();
            tensors.push(tensor(&format!("layers.{layer}.{part}.weight"), shape, scale, random));
        }
    }
    put(root, "models/base.safetensors", safetensors(&tensors))?;
    let config = json!({
        "architectures": ["DeskModel"], "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
        "torch_dtype": "bfloat16", "vocab_size": VOCABULARY,
    });
    put(root, "models/config.json", pretty(&config))?;
    let mut adapter = Vec::new();
    for layer in 0..LAYERS {
        let name = |half| format!("base_model.model.layers.{layer}.attn.qkv.lora_{half}.weight");
        adapter.push(tensor(&name("A"), &[8, HIDDEN], 0.02, random));
        adapter.push(tensor(&name("B"), &[3 * HIDDEN, 8], 0.002, random));
    }
    put(root, "models/refund-lora/adapter_model.safetensors", safetensors(&adapter))?;
    let config = json!({
        "base_model_name_or_path": "../base.safetensors", "lora_alpha": 16, "peft_type": "LORA",
        "r": 8, "target_modules": ["qkv"],
    });
    put(root, "models/refund-lora/adapter_config.json", pretty(&config))
}

struct Tensor {
    name: String,
    shape: Vec<usize>,
    data: Vec<u8>,
}

/// Brain floats that behave like trained weights: normal around zero, one scale for a tensor.
fn tensor(name: &str, shape: &[usize], scale: f32, random: &mut Random) -> Tensor {
    let count = shape.iter().product();
    let mut data = Vec::with_capacity(2 * count);
    for _ in 0..count {
        let bits = (random.normal() * scale).to_bits();
        let rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
        data.extend_from_slice(&(rounded as u16).to_le_bytes());
    }
    Tensor { name: name.into(), shape: shape.into(), data }
}

/// The tensors as a safetensors file: length of the header, header, data.
fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".into(), json!({"format": "pt"}));
    let mut end = 0;
    for Tensor { name, shape, data } in tensors {
        let start = end;
        end += data.len();
        let entry = json!({"dtype": "BF16", "shape": shape, "data_offsets": [start, end]});
        header.insert(name.clone(), entry);
    }
    let mut header = Value::Object(header).to_string();
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    tensors.iter().for_each(|tensor| file.extend_from_slice(&tensor.data));
    file
}

fn prompt(name: &str, task: &str) -> String {
    format!(
        "# {name}\n\n{task}\n\n\
         Answer in the customer's language and in short sentences.\n\
         Look the order up before you say anything about it.\n\
         Never promise a date.\n\
         Hand refunds to the refund agent, and what you do not understand to a person.\n"
    )
}

fn agent(name: &str, task: &str) -> String {
    let model = if name == "refunds" { "models/refund-lora" } else { "models/base.safetensors" };
    let tools = if name == "refunds" { "[orders, payments]" } else { "[orders]" };
    format!(
        "name: {name}\nrole: {task}\nmodel: {model}\nprompt: prompts/{name}.md\ntools: {tools}\n\
         memory: memory/episodes.jsonl\nidentity: spiffe://example.org/agent/{name}\n"
    )
}

fn tools(names: &[&str]) -> Value {
    let tool = |name: &&str| {
        let words = name.replace('_', " ");
        json!({
            "name": name,
            "description": format!("Use this to {words}."),
            "inputSchema": {
                "type": "object",
                "properties": {"number": {"type": "string", "description": "The order's number."}},
                "required": ["number"],
            },
        })
    };
    json!({"tools": names.iter().map(tool).collect::<Vec<_>>()})
}

fn servers() -> Value {
    json!({"mcpServers": {
        "orders": {
            "command": "npx", "args": ["-y", "@example/orders"],
            "env": {"API_KEY": "${ORDERS_API_KEY}"},
        },
        "payments": {
            "type": "http", "url": "https://mcp.example.org/payments",
            "headers": {"Authorization": "Bearer ${PAYMENTS_TOKEN}"},
        },
    }})
}

fn episodes(random: &mut Random) -> String {
    let mut out = String::new();
    for id in 0..EPISODES {
        let (agent, _) = AGENTS[random.below(AGENTS.len())];
        let episode = json!({
            "id": id, "time": 1_795_000_000 + 60 * id, "agent": agent,
            "text": sentence(random, 24),
        });
        writeln!(out, "{episode}").expect("a string takes everything");
    }
    out
}

fn questions(random: &mut Random) -> String {
    let mut out = String::from("question,answer\n");
    for _ in 0..QUESTIONS {
        let (question, answer) = (sentence(random, 9), sentence(random, 5));
        writeln!(out, "{question},{answer}").expect("a string takes everything");
    }
    out
}

fn sentence(random: &mut Random, words: usize) -> String {
    const WORDS: [&str; 32] = [
        "customer", "order", "parcel", "refund", "invoice", "address", "phone", "e-mail",
        "prefers", "asked", "received", "returned", "broken", "late", "twice", "never", "before",
        "after", "about", "without", "the", "a", "two", "red", "small", "review", "policy",
        "amount", "account", "answer", "person", "week",
    ];
    (0..words).map(|_| WORDS[random.below(WORDS.len())]).collect::<Vec<_>>().join(" ")
}

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Between 0 and 1.
    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 24) as f32
    }

    /// Close to a standard normal: twelve uniform numbers summed. Additions alone, so that every
    /// machine draws the same.
    fn normal(&mut self) -> f32 {
        let sum: u64 = (0..3)
            .map(|_| {
                let draw = self.next();
                (0..4).map(|i| draw >> (16 * i) & 0xffff).sum::<u64>()
            })
            .sum();
        sum as f32 / 65536.0 - 6.0
    }
}
