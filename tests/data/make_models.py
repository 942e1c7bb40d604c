"""Writes models/ with the formats' own packages, and where they say that each tensor lies.

    python -m pip install numpy safetensors gguf
    python tests/data/make_models.py
"""

import json
import os

import gguf
import numpy as np
from safetensors.numpy import save_file

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "models")
# Above 64 KiB a tensor has chunks of its own; the last has a rest behind whole steps of 256 KiB.
SHAPES = {"embed": (100, 200), "layer.0.weight": (300, 150), "layer.0.bias": (150,),
          "layer.1.weight": (64, 1300)}


def main() -> None:
    os.makedirs(FOLDER, exist_ok=True)
    tensors = {name: np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
               for name, shape in SHAPES.items()}
    path = os.path.join(FOLDER, "tiny.safetensors")
    save_file(tensors, path, metadata={"format": "np"})
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    places = {name: [8 + size + at for at in entry["data_offsets"]]
              for name, entry in header.items() if name != "__metadata__"}
    found = {"tiny.safetensors": places}

    path = os.path.join(FOLDER, "tiny.gguf")
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_token_list(["<s>", "</s>", "a"])
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found["tiny.gguf"] = {
        tensor.name: [int(tensor.data_offset), int(tensor.data_offset + tensor.n_bytes)]
        for tensor in gguf.GGUFReader(path).tensors}
    with open(os.path.join(FOLDER, "tensors.json"), "w", encoding="ascii") as file:
        file.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
