// This file prints the C header of a compiled model.
#include "codegen/HeaderEmitter.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace dlc::codegen;
using llvm::StringRef;

namespace {
/// A float that C reads back as the same float.
std::string cFloat(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.9g", value);
  if (text.find_first_of(".e") == std::string::npos)
    text += ".0";
  return text + "f";
}

class Printer {
public:
  Printer(const ModelInfo &info, StringRef compiler, uint64_t weights)
      : info(info), compiler(compiler), weights(weights), out(text) {}

  std::string print() {
    out << "/* " << info.name << ".h: the model '" << info.name << "', compiled by "
        << commentText(compiler) << " for " << commentText(info.target)
        << ". C11 and C++17. */\n";
    out << "#ifndef " << info.macro << "_H\n#define " << info.macro << "_H\n\n"
        << "#include \"dlc/dlc_runtime.h\"\n\n"
        << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
    // An array of no bytes is not C.
    macro("ARENA_BYTES", std::to_string(std::max<uint64_t>(info.arenaBytes, 1)) + "u",
          "Bytes of scratch memory that one inference needs; nothing in it must "
          "survive between calls.");
    macro("ARENA_ALIGN", std::to_string(info.arenaAlign) + "u",
          "Alignment of the scratch memory, in bytes.");
    if (info.memories.size() > 1)
      for (const MemoryInfo &memory : info.memories)
        macro(StringRef(memory.name).upper() + "_BYTES",
              std::to_string(std::max<uint64_t>(memory.bytes, 1)) + "u",
              "Bytes of it in the memory '" + memory.name + "'; the same alignment.");
    macro("N_INPUTS", std::to_string(info.inputs.size()) + "u", "Number of inputs.");
    macro("N_OUTPUTS", std::to_string(info.outputs.size()) + "u", "Number of outputs.");
    out << "\n";
    for (auto [i, tensor] : llvm::enumerate(info.inputs))
      printTensor("INPUT", "Input", i, tensor);
    for (auto [i, tensor] : llvm::enumerate(info.outputs))
      printTensor("OUTPUT", "Output", i, tensor);
    printEntry();
    printDescriptor();
    if (weights) {
      macro("WEIGHTS_BYTES", std::to_string(weights) + "u",
            "Size of " + info.name + ".weights in bytes.");
      out << "/** The contents of " << info.name
          << ".weights, provided by you, aligned to 16 bytes. */\n"
          << "extern const unsigned char " << info.name << "_weights[" << info.macro
          << "_WEIGHTS_BYTES];\n\n";
    }
    printAccessors("input", info.inputs);
    printAccessors("output", info.outputs);
    out << "#ifdef __cplusplus\n}\n#endif\n#endif\n";
    return text;
  }

private:
  void macro(const llvm::Twine &name, const llvm::Twine &value,
             const llvm::Twine &doc) {
    out << "/** " << doc << " */\n#define " << info.macro << "_" << name << " " << value
        << "\n";
  }

  void printTensor(StringRef kind, StringRef word, size_t i, const TensorInfo &tensor) {
    std::string prefix = (kind + llvm::Twine(i)).str();
    std::string what = (word + " " + llvm::Twine(i)).str();
    macro(prefix + "_NAME", "\"" + cString(tensor.name) + "\"",
          what + ": name in the ONNX model.");
    macro(prefix + "_DTYPE", dtypeMacro(tensor.dtype),
          what + ": element type; in C " + cType(tensor.dtype) + ".");
    macro(prefix + "_RANK", std::to_string(tensor.dims.size()) + "u",
          what + ": number of dims.");
    if (!tensor.dims.empty()) {
      std::string dims;
      llvm::ListSeparator comma(", ");
      for (int64_t dim : tensor.dims)
        dims += StringRef(comma).str() + std::to_string(dim);
      macro(prefix + "_DIMS", "{" + dims + "}",
            what + (tensor.isUnbounded() ? ": dims, -1 where known at run time only; "
                    : tensor.bounded     ? ": upper bounds of its dims; "
                                         : ": dims; ") +
                "C order, the last varies fastest.");
    }
    if (!tensor.isUnbounded()) {
      macro(prefix + "_ELEMENTS", std::to_string(tensor.elements) + "u",
            what + ": number of elements" +
                (tensor.bounded ? ", by the upper bounds." : "."));
      macro(prefix + "_BYTES", std::to_string(tensor.bytes) + "u",
            what + ": size in bytes.");
    }
    if (tensor.scale) {
      macro(prefix + "_SCALE", cFloat(*tensor.scale),
            what + ": real value = scale * (stored value - zero point).");
      macro(prefix + "_ZERO_POINT", std::to_string(tensor.zeroPoint.value_or(0)),
            what + ": the stored value that means 0.");
    }
    if (tensor.arenaOffset)
      macro(prefix + "_ARENA_OFFSET", std::to_string(*tensor.arenaOffset) + "u",
            what + ": where in the arena it lies.");
    out << "\n";
  }

  void printEntry() {
    size_t width = 0;
    for (const MemoryInfo &memory : info.memories)
      width = std::max(width, memory.name.size());
    for (const auto *list : {&info.inputs, &info.outputs})
      for (const TensorInfo &tensor : *list)
        if (!tensor.arenaOffset)
          width = std::max(width, tensor.identifier.size());
    auto param = [&](StringRef name, const llvm::Twine &doc) {
      out << " * @param " << name;
      out.indent(width - name.size() + 2) << doc << "\n";
    };
    out << "/** Runs one inference; checks nothing (dlc_run does).\n";
    for (const MemoryInfo &memory : info.memories)
      param(memory.name, info.macro + "_" + StringRef(memory.name).upper() +
                             "_BYTES bytes, aligned to " + info.macro +
                             "_ARENA_ALIGN, owned by the caller");
    for (const TensorInfo &tensor : info.inputs)
      if (!tensor.arenaOffset)
        param(tensor.identifier, describeTensor(tensor));
    for (const TensorInfo &tensor : info.outputs)
      if (!tensor.arenaOffset)
        param(tensor.identifier,
              describeTensor(tensor) +
                  (tensor.isUnbounded() ? "; receives a block from dlc_alloc, which you release with "
                                          "dlc_free, or null on an error"
                                        : "; overlaps neither the arena nor another tensor"));
    if (info.takesDims)
      param("dims", dimsText());
    out << " * @return DLC_OK, or what is wrong with the values of the inputs"
        << (info.takesDims ? " or their dims" : "") << "\n */\n"
        << entryPrototype(info) << ";\n\n";
  }

  /// What `dims` holds, tensor by tensor.
  std::string dimsText() {
    std::string text = "the dims of all inputs (read), then room for those of all outputs (written): ";
    llvm::ListSeparator comma(", ");
    size_t at = 0;
    for (const auto *list : {&info.inputs, &info.outputs})
      for (const TensorInfo &tensor : *list) {
        if (!tensor.dims.empty())
          text += (StringRef(comma) + "[" + llvm::Twine(at) + ".." +
                   llvm::Twine(at + tensor.dims.size() - 1) + "] " + tensor.identifier)
                      .str();
        at += tensor.dims.size();
      }
    bool inputsVary = llvm::any_of(info.inputs, [](const TensorInfo &t) {
      return llvm::is_contained(t.varies, true);
    });
    return text + (inputsVary ? "" : "; or null, when those of the outputs are not asked for");
  }

  void printDescriptor() {
    out << "/** What dlc_run needs to know of the model."
        << (info.memories.size() > 1 ? " Its arena is one block; all memories lie in it." : "")
        << " */\n"
        << "extern const dlc_model " << info.name << "_model;\n\n";
  }

  void printAccessors(StringRef kind, const std::vector<TensorInfo> &tensors) {
    for (auto [i, tensor] : llvm::enumerate(tensors)) {
      if (!tensor.arenaOffset)
        continue;
      std::string suffix = tensors.size() == 1 ? "" : std::to_string(i);
      const MemoryInfo &memory = info.memories[tensor.memory];
      out << "/** Where " << kind << " " << i << " lies in " << (info.memories.size() > 1 ? "" : "the ")
          << memory.name << ": "
          << describeTensor(tensor)
          << (kind == "input" ? ". Write it before every run, its place is reused.\n"
                              : ". Read it before the next run.\n")
          << " * @param " << memory.name << "  as passed to " << info.entry << " */\n"
          << "static inline " << cType(tensor.dtype) << " *" << info.name << "_" << kind
          << suffix << "(void *" << memory.name << ") {\n"
          << "  return (" << cType(tensor.dtype) << " *)(void *)((unsigned char *)" << memory.name << " + "
          << *tensor.arenaOffset - memory.offset << "u);\n}\n\n";
    }
  }

  const ModelInfo &info;
  StringRef compiler;
  uint64_t weights;
  std::string text;
  llvm::raw_string_ostream out;
};
} // namespace

std::string dlc::codegen::emitHeader(const ModelInfo &info, StringRef compiler,
                                     uint64_t externalWeightsBytes) {
  return Printer(info, compiler, externalWeightsBytes).print();
}

std::string dlc::codegen::cString(StringRef text) {
  std::string result;
  for (unsigned char c : text) {
    if (c == '"' || c == '\\' || c == '?') // "??/" is a trigraph
      (result += '\\') += c;
    else if (c >= 0x20 && c < 0x7f)
      result += c;
    else
      llvm::raw_string_ostream(result) << llvm::format("\\%03o", c);
  }
  return result;
}

std::string dlc::codegen::commentText(StringRef text) {
  std::string result;
  for (unsigned char c : text) {
    bool plain = c >= 0x20 && c < 0x7f && c != '\\' && c != '?';
    // Neither the end of a comment nor the start of another.
    if (c == '/' && !result.empty() && result.back() == '*')
      plain = false;
    if (c == '*' && !result.empty() && result.back() == '/')
      plain = false;
    result += plain ? c : '_';
  }
  return result;
}

std::string dlc::codegen::describeTensor(const TensorInfo &tensor) {
  std::string text = tensor.dtype + "[";
  llvm::ListSeparator comma(",");
  for (auto [d, dim] : llvm::enumerate(tensor.dims)) {
    text += StringRef(comma);
    text += dim < 0 ? (tensor.symbol(d).empty() ? std::string("?") : commentText(tensor.symbol(d)))
            : tensor.varies[d] ? "<=" + std::to_string(dim)
                               : std::to_string(dim);
  }
  text += "]";
  if (tensor.scale) {
    llvm::raw_string_ostream(text) << llvm::format(", scale %.6g", *tensor.scale)
                                   << ", zero point " << tensor.zeroPoint.value_or(0);
  }
  return text;
}

std::string dlc::codegen::entryPrototype(const ModelInfo &info) {
  std::string text = "dlc_status " + info.entry + "(";
  llvm::ListSeparator comma(", ");
  for (const MemoryInfo &memory : info.memories)
    text += (StringRef(comma) + "void *" + memory.name).str();
  for (const TensorInfo &tensor : info.inputs)
    if (!tensor.arenaOffset)
      text += (", const " + cType(tensor.dtype) + " *" + tensor.identifier).str();
  for (const TensorInfo &tensor : info.outputs)
    if (!tensor.arenaOffset)
      // The block of an unbounded output comes from dlc_alloc.
      text += (", " + cType(tensor.dtype) + (tensor.isUnbounded() ? " **" : " *") +
               tensor.identifier)
                  .str();
  if (info.takesDims)
    text += ", int64_t *dims";
  return text + ")";
}
