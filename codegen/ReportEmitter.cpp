// This file prints the report: a compiled model on one HTML page.
#include "codegen/ReportEmitter.h"

#include "codegen/HeaderEmitter.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace dlc::codegen;
using llvm::StringRef;

namespace {
constexpr StringRef kStyle = R"(<style>
:root { color-scheme: light dark; --line: #8884; --bar: #2a78d6; --bar2: #e08a1e; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 2rem; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
.bar { background: var(--bar); height: .6rem; min-width: 1px; border-radius: 2px; }
.map { position: relative; height: 1.1rem; background: #8882; min-width: 14rem; }
.arena { width: 100%; height: 22rem; background: #8882; }
.arena rect { opacity: .7; stroke: #fff8; stroke-width: 1; vector-effect: non-scaling-stroke; }
.t0 { fill: #2a78d6; } .t1 { fill: #e08a1e; } .t2 { fill: #3a9a5c; } .t3 { fill: #b0489c; }
.t4 { fill: #7a8290; } .t5 { fill: #c9b02a; }
.map div { position: absolute; top: 0; bottom: 0; background: var(--bar2); opacity: .75; min-width: 1px; }
</style>
)";

/// Text of unknown origin as HTML text or attribute.
std::string html(StringRef text) {
  std::string result;
  llvm::raw_string_ostream stream(result);
  llvm::printHTMLEscaped(llvm::json::fixUTF8(text), stream);
  return result;
}

/// 1234567 as "1 234 567".
std::string grouped(uint64_t value) {
  std::string digits = std::to_string(value), result;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i && (digits.size() - i) % 3 == 0)
      result += "&#8239;";
    result += digits[i];
  }
  return result;
}

class Printer {
public:
  Printer(const ModelInfo &info, const CompiledModel &compiled)
      : info(info), compiled(compiled), out(text) {}

  std::string print(StringRef sha256, StringRef compiler) {
    std::string name = html(info.name);
    out << "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<title>"
        << name << "</title>\n" << kStyle << "</head><body>\n<h1>" << name << "</h1>\n";
    out << "<p>Target <code>" << html(info.target) << "</code>, CPU <code>"
        << html(info.cpu) << "</code>";
    if (!info.features.empty())
      out << ", features <code>" << html(info.features) << "</code>";
    out << ". Compiled by " << html(compiler) << ".</p>\n";
    printSizes();
    printTensors("Inputs", info.inputs);
    printTensors("Outputs", info.outputs);
    printArena();
    printLayers();
    out << "<p>Undefined symbols: ";
    if (compiled.undefinedSymbols.empty())
      out << "none";
    llvm::ListSeparator comma(", ");
    for (const std::string &symbol : compiled.undefinedSymbols)
      out << comma << "<code>" << html(symbol) << "</code>";
    out << ".</p>\n";
    if (!sha256.empty())
      out << "<p>SHA-256 of the model: <code>" << html(sha256) << "</code></p>\n";
    out << "</body></html>\n";
    return text;
  }

private:
  void row(StringRef what, uint64_t value, StringRef unit = "bytes") {
    out << "<tr><td>" << what << "</td><td class=n>" << grouped(value) << "</td><td>"
        << unit << "</td></tr>\n";
  }

  void printSizes() {
    out << "<table>\n";
    row("Arena", info.arenaBytes);
    row("Arena, lower bound (most that is alive at once)", info.arenaLowerBound);
    row("RAM: arena, inputs and outputs", info.ramBytes());
    row("Stack", compiled.stackBytes);
    row("Weights", compiled.weightsBytes);
    row("Code and tables", compiled.codeBytes);
    row("Multiplications with accumulation", info.macs, "");
    out << "</table>\n";
  }

  void printTensors(StringRef title, const std::vector<TensorInfo> &tensors) {
    out << "<h2>" << title << "</h2>\n<table><tr><th>name<th>type<th class=n>bytes</tr>\n";
    for (const TensorInfo &tensor : tensors)
      out << "<tr><td><code>" << html(tensor.name) << "</code><td><code>"
          << html(describeTensor(tensor)) << "</code><td class=n>"
          << grouped(tensor.bytes) << "</tr>\n";
    out << "</table>\n";
  }

  /// The arena over time: layers from left to right, offsets upwards.
  void printArena() {
    if (info.tensors.empty() || info.layers.empty() || !info.arenaBytes)
      return;
    constexpr double width = 1000, height = 360;
    double column = width / info.layers.size(), byte = height / info.arenaBytes;
    auto number = [](double value) {
      std::string result;
      llvm::raw_string_ostream(result) << llvm::format("%.2f", value);
      return result;
    };
    out << "<h2>Arena over time</h2>\n<p>Layers from left to right, offsets from 0 at the "
           "bottom to "
        << grouped(info.arenaBytes)
        << " at the top. Where two tensors overlap, one is written over the other as it is "
           "read for the last time.</p>\n<svg class=arena viewBox=\"0 0 "
        << number(width) << " " << number(height) << "\" preserveAspectRatio=none role=img>\n";
    for (auto [i, tensor] : llvm::enumerate(info.tensors)) {
      out << "<rect class=t" << i % 6 << " x=\"" << number(tensor.first * column) << "\" y=\""
          << number(height - (tensor.offset + tensor.bytes) * byte) << "\" width=\""
          << number((tensor.last - tensor.first + 1) * column) << "\" height=\""
          << number(tensor.bytes * byte) << "\"><title>" << tensor.offset << " + " << tensor.bytes
          << " bytes, from " << html(info.layers[tensor.first].name) << " to "
          << html(info.layers[tensor.last].name) << "</title></rect>\n";
    }
    out << "</svg>\n";
  }

  void printLayers() {
    uint64_t most = 1;
    for (const LayerInfo &layer : info.layers)
      most = std::max(most, layer.instructions);
    out << "<h2>Layers</h2>\n<table><tr><th>layer<th>nodes<th>kernel<th class=n>"
           "weights<th class=n>MACs<th class=n>instructions (estimated)<th>share<th>arena</tr>\n";
    for (const LayerInfo &layer : info.layers) {
      out << "<tr><td><code>" << html(layer.name) << "</code>";
      if (layer.bands)
        out << " band " << layer.band + 1 << " of " << layer.bands;
      out << "<td>";
      for (const std::string &node : layer.nodes)
        out << "<code>" << html(node) << "</code> ";
      out << "<td><code>" << html(layer.kernel) << "</code><td class=n>"
          << grouped(layer.weightsBytes) << "<td class=n>" << grouped(layer.macs)
          << "<td class=n>" << grouped(layer.instructions)
          << "<td><div class=bar style=\"width:" << percent(layer.instructions, most)
          << "\"></div><td><div class=map>";
      for (const ArenaUse &use : layer.arena)
        out << "<div title=\"" << use.offset << " + " << use.bytes << "\" style=\"left:"
            << percent(use.offset, info.arenaBytes) << ";width:"
            << percent(use.bytes, info.arenaBytes) << "\"></div>";
      out << "</div></tr>\n";
    }
    out << "</table>\n";
  }

  static std::string percent(uint64_t part, uint64_t whole) {
    std::string result;
    llvm::raw_string_ostream(result)
        << llvm::format("%.2f%%", whole ? 100.0 * part / whole : 0.0);
    return result;
  }

  const ModelInfo &info;
  const CompiledModel &compiled;
  std::string text;
  llvm::raw_string_ostream out;
};
} // namespace

std::string dlc::codegen::emitReport(const ModelInfo &info,
                                     const CompiledModel &compiled,
                                     StringRef sourceSha256, StringRef compiler) {
  return Printer(info, compiled).print(sourceSha256, compiler);
}
