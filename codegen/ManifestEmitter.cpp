// This file prints the manifest: names, sizes and memory map as JSON.
#include "codegen/ManifestEmitter.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace dlc::codegen;
using llvm::StringRef;

namespace {
class Printer {
public:
  explicit Printer(llvm::raw_ostream &out) : json(out, /*IndentSize=*/2) {}

  void print(const ModelInfo &info, const CompiledModel &compiled, StringRef sha256,
             StringRef compiler) {
    json.objectBegin();
    text("name", info.name);
    text("target", info.target);
    text("cpu", info.cpu);
    text("features", info.features);
    tensors("inputs", info.inputs);
    tensors("outputs", info.outputs);
    number("arena_bytes", info.arenaBytes);
    number("arena_lower_bound_bytes", info.arenaLowerBound);
    if (info.memories.size() > 1)
      json.attributeArray("memories", [&] {
        for (const MemoryInfo &memory : info.memories)
          json.object([&] {
            text("name", memory.name);
            number("bytes", memory.bytes);
          });
      });
    number("ram_bytes", info.ramBytes());
    number("weights_bytes", compiled.weightsBytes);
    number("code_bytes", compiled.codeBytes);
    number("stack_bytes", compiled.stackBytes);
    number("macs", info.macs);
    json.attributeArray("undefined_symbols", [&] {
      for (const std::string &symbol : compiled.undefinedSymbols)
        json.value(llvm::json::fixUTF8(symbol));
    });
    json.attributeArray("layers", [&] {
      for (const LayerInfo &item : info.layers)
        json.object([&] { layer(item); });
    });
    // When which part of the arena is in use: numbers of layers.
    json.attributeArray("arena_tensors", [&] {
      for (const ArenaTensor &tensor : info.tensors)
        json.object([&] {
          number("offset", tensor.offset);
          number("bytes", tensor.bytes);
          number("first_layer", tensor.first);
          number("last_layer", tensor.last);
        });
    });
    text("source_sha256", sha256);
    text("compiler", compiler);
    json.objectEnd();
  }

private:
  /// Names come from models: whatever they hold, the output is UTF-8.
  void text(StringRef key, StringRef value) {
    json.attribute(key, llvm::json::fixUTF8(value));
  }
  void number(StringRef key, uint64_t value) { json.attribute(key, value); }
  void shape(const std::vector<int64_t> &dims) {
    json.array([&] {
      for (int64_t dim : dims)
        json.value(dim);
    });
  }

  void tensors(StringRef key, const std::vector<TensorInfo> &list) {
    json.attributeArray(key, [&] {
      for (const TensorInfo &tensor : list)
        json.object([&] {
          text("name", tensor.name);
          text("dtype", tensor.dtype);
          // A size that varies: its name in the model, or null.
          json.attributeArray("shape", [&] {
            for (auto [d, dim] : llvm::enumerate(tensor.dims))
              if (!tensor.varies[d])
                json.value(dim);
              else if (!tensor.symbol(d).empty())
                json.value(llvm::json::fixUTF8(tensor.symbol(d)));
              else
                json.value(nullptr);
          });
          if (llvm::is_contained(tensor.varies, true))
            json.attributeArray("bounds", [&] {
              for (int64_t dim : tensor.dims)
                dim < 0 ? json.value(nullptr) : json.value(dim);
            });
          number("bytes", tensor.bytes);
          // null: not quantized.
          if (tensor.scale) {
            json.attribute("scale", *tensor.scale);
            json.attribute("zero_point", tensor.zeroPoint.value_or(0));
          } else {
            json.attribute("scale", nullptr);
            json.attribute("zero_point", nullptr);
          }
        });
    });
  }

  void layer(const LayerInfo &layer) {
    text("name", layer.name);
    json.attributeArray("nodes", [&] {
      for (const std::string &node : layer.nodes)
        json.value(llvm::json::fixUTF8(node));
    });
    text("kernel", layer.kernel);
    if (layer.bands)
      json.attributeObject("band", [&] {
        number("number", layer.band + 1);
        number("of", layer.bands);
      });
    json.attributeArray("shapes", [&] {
      for (const auto &dims : layer.shapes)
        shape(dims);
    });
    number("macs", layer.macs);
    number("weights_bytes", layer.weightsBytes);
    number("instructions_estimated", layer.instructions);
    json.attributeArray("arena", [&] {
      for (const ArenaUse &use : layer.arena)
        json.object([&] {
          number("offset", use.offset);
          number("bytes", use.bytes);
        });
    });
  }

  llvm::json::OStream json;
};
} // namespace

std::string dlc::codegen::emitManifest(const ModelInfo &info,
                                       const CompiledModel &compiled,
                                       StringRef sourceSha256, StringRef compiler) {
  std::string text;
  llvm::raw_string_ostream out(text);
  Printer(out).print(info, compiled, sourceSha256, compiler);
  out << "\n";
  return text;
}
