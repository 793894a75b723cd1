// This file gives layers that differ in their constants only one function.
#include "passes/Passes.h"

#include "llvm/ADT/MapVector.h"

namespace dlc {
#define GEN_PASS_DEF_SHARELAYERS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// What makes a layer's function one of its kind: constant tensors and numbers, in
/// the order in which they appear.
struct Constants {
  SmallVector<memref::GetGlobalOp> tensors;
  SmallVector<arith::ConstantOp> numbers;
};

constexpr llvm::StringLiteral kNoAlias = "llvm.noalias";
/// Code so short costs less than a call.
constexpr unsigned kFewOperations = 24;

struct ShareLayers : dlc::impl::ShareLayersBase<ShareLayers> {
  using ShareLayersBase::ShareLayersBase;

  bool all = false; ///< any number may become an argument

  /// Whether a number may become an argument at no cost: it is added or compared,
  /// while amounts of shifts are part of instructions.
  bool isCheap(arith::ConstantOp number) {
    return all || llvm::all_of(number->getUsers(), [](Operation *user) {
             return isa<arith::AddIOp, arith::MaxSIOp, arith::MinSIOp>(user);
           });
  }

  /// The text of a function without the constants that may differ.
  std::string describe(func::FuncOp func, Constants &constants) {
    auto clone = cast<func::FuncOp>(func->clone());
    unsigned operations = 0;
    func.walk([&](Operation *op) {
      ++operations;
      if (auto tensor = dyn_cast<memref::GetGlobalOp>(op))
        constants.tensors.push_back(tensor);
      else if (auto number = dyn_cast<arith::ConstantOp>(op);
               number && number.getType().isInteger(32) && isCheap(number))
        constants.numbers.push_back(number);
    });
    clone.walk([&](Operation *op) {
      if (auto tensor = dyn_cast<memref::GetGlobalOp>(op))
        tensor.setName("constant");
      else if (auto number = dyn_cast<arith::ConstantOp>(op);
               number && number.getType().isInteger(32) && isCheap(number))
        number.setValueAttr(IntegerAttr::get(number.getType(), 0));
    });
    clone.setName("layer");
    // Bands of a layer lie elsewhere in the arena: what overlaps may differ.
    auto facts = clone->getAttrOfType<DictionaryAttr>(dlc::rt::kLayer);
    for (unsigned i = 0; facts && facts.get("band") && i < clone.getNumArguments(); ++i)
      clone.removeArgAttr(i, kNoAlias);
    clone->removeAttr(dlc::rt::kLayer);
    std::string text;
    llvm::raw_string_ostream os(text);
    if (operations >= kFewOperations)
      clone->print(os, OpPrintingFlags().printGenericOpForm().useLocalScope());
    clone->destroy();
    return text;
  }

  /// Replaces the bodies of `layers` by calls of one function made of the first.
  void share(ArrayRef<func::FuncOp> layers, std::vector<Constants> &constants, unsigned number) {
    // Numbers that differ somewhere.
    SmallVector<unsigned> different;
    for (unsigned i = 0; i < constants[0].numbers.size(); ++i)
      if (!llvm::all_of(constants, [&](Constants &c) {
            return c.numbers[i].getValue() == constants[0].numbers[i].getValue();
          }))
        different.push_back(i);
    SmallVector<unsigned> tensors;
    for (unsigned i = 0; i < constants[0].tensors.size(); ++i)
      if (!llvm::all_of(constants, [&](Constants &c) {
            return c.tensors[i].getNameAttr() == constants[0].tensors[i].getNameAttr();
          }))
        tensors.push_back(i);

    func::FuncOp first = layers.front();
    OpBuilder b(first);
    auto shared = cast<func::FuncOp>(b.clone(*first));
    for (unsigned i = 0; i < shared.getNumArguments(); ++i)
      if (!llvm::all_of(layers, [&](func::FuncOp layer) { return layer.getArgAttr(i, kNoAlias); }))
        shared.removeArgAttr(i, kNoAlias);
    std::string base = getOperation()->getAttrOfType<StringAttr>(dlc::rt::kName).str();
    shared.setName(base + "_shared_" + std::to_string(number));
    shared->removeAttr(dlc::rt::kLayer);
    shared->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
    Constants own;
    (void)describe(shared, own);
    Block &body = shared.front();
    SmallVector<Type> types(shared.getArgumentTypes());
    SmallVector<DictionaryAttr> attributes;
    shared.getAllArgAttrs(attributes);
    attributes.resize(types.size(), b.getDictionaryAttr({}));
    auto noalias = b.getDictionaryAttr(b.getNamedAttr("llvm.noalias", b.getUnitAttr()));
    for (unsigned i : tensors) {
      Value v = body.addArgument(own.tensors[i].getType(), shared.getLoc());
      own.tensors[i].getResult().replaceAllUsesWith(v);
      own.tensors[i].erase();
      types.push_back(v.getType());
      attributes.push_back(noalias);
    }
    for (unsigned i : different) {
      Value v = body.addArgument(own.numbers[i].getType(), shared.getLoc());
      own.numbers[i].getResult().replaceAllUsesWith(v);
      own.numbers[i].erase();
      types.push_back(v.getType());
      attributes.push_back(b.getDictionaryAttr({}));
    }
    shared.setType(b.getFunctionType(types, {}));
    shared.setAllArgAttrs(attributes);

    // Each layer keeps its name and facts, and passes its constants.
    for (auto [i, c] : llvm::enumerate(constants)) {
      func::FuncOp layer = layers[i];
      Block &block = layer.front();
      SmallVector<Value> arguments(block.getArguments());
      b.setInsertionPointToStart(&block);
      SmallVector<Operation *> kept;
      for (unsigned i : tensors)
        kept.push_back(b.clone(*c.tensors[i]));
      for (unsigned i : different)
        kept.push_back(b.clone(*c.numbers[i]));
      for (Operation *op : kept)
        arguments.push_back(op->getResult(0));
      Operation *call = func::CallOp::create(b, layer.getLoc(), shared, arguments);
      while (&block.back() != call)
        block.back().erase();
      b.setInsertionPointToEnd(&block);
      func::ReturnOp::create(b, layer.getLoc());
    }
    numShared += layers.size() - 1;
  }

  void runOnOperation() override {
    if (!getOperation()->hasAttr(dlc::rt::kName))
      return;
    auto optimize = getOperation()->getAttrOfType<StringAttr>(dlc::rt::kOptimize);
    all = everything || (optimize && optimize.getValue() == "size");
    llvm::MapVector<StringRef, SmallVector<func::FuncOp>> groups;
    llvm::StringMap<std::vector<Constants>> constants;
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (!func->hasAttr(dlc::rt::kLayer) || !func.getBody().hasOneBlock())
        continue;
      Constants c;
      std::string text = describe(func, c);
      if (text.empty())
        continue;
      auto &entry = *constants.try_emplace(text).first;
      entry.second.push_back(std::move(c));
      groups[entry.first()].push_back(func);
    }
    unsigned number = 0;
    for (auto &[text, layers] : groups)
      if (layers.size() > 1)
        share(layers, constants[text], number++);
  }
};
} // namespace
