// This file gives the model's function its C form: buffers in, buffers out.
#include "passes/Passes.h"

namespace dlc {
#define GEN_PASS_DEF_CONVERTBOUNDARY
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// Row-major buffer type of a tensor type.
MemRefType bufferType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return MemRefType::get(tensor.getShape(), tensor.getElementType());
}

struct ConvertBoundary : dlc::impl::ConvertBoundaryBase<ConvertBoundary> {
  LogicalResult convert(func::FuncOp func) {
    if (!func->hasAttr(dlc::rt::kInputs))
      return success();
    Block &entry = func.front();
    OpBuilder b(&getContext());
    b.setInsertionPointToStart(&entry);
    for (BlockArgument arg : entry.getArguments()) {
      auto type = dyn_cast<RankedTensorType>(arg.getType());
      if (!type)
        return func.emitOpError("takes something else than tensors");
      if (!type.hasStaticShape()) {
        auto infos = func->getAttrOfType<ArrayAttr>(dlc::rt::kInputs);
        auto info = arg.getArgNumber() < infos.size()
                        ? dyn_cast<DictionaryAttr>(infos[arg.getArgNumber()])
                        : DictionaryAttr();
        auto name = info ? info.getAs<StringAttr>("name") : StringAttr();
        auto diag = emitError(func.getLoc())
                    << "input '" << (name ? name.getValue() : "")
                    << "' has a size that is not known at compile time: " << type;
        diag.attachNote() << "fix it with --dim NAME=N or --shape INPUT=AxBxC";
        return failure();
      }
      arg.setType(bufferType(type));
      auto tensor = bufferization::ToTensorOp::create(b, func.getLoc(), type, arg,
                                                      /*restrict=*/true);
      arg.replaceAllUsesExcept(tensor.getResult(), tensor);
    }
    auto ret = cast<func::ReturnOp>(entry.getTerminator());
    b.setInsertionPoint(ret);
    for (Value result : ret.getOperands()) {
      auto type = cast<RankedTensorType>(result.getType());
      if (!type.hasStaticShape())
        return emitError(ret.getLoc())
               << "an output has a shape that is known only at run time: "
               << type;
      Value out = entry.addArgument(bufferType(type), func.getLoc());
      auto store = bufferization::MaterializeInDestinationOp::create(
          b, func.getLoc(), TypeRange(), result, out);
      store.setRestrict(true);
      store.setWritable(true);
    }
    ret.getOperandsMutable().clear();
    func.setType(b.getFunctionType(entry.getArgumentTypes(), {}));
    if (auto name = getOperation()->getAttrOfType<StringAttr>(dlc::rt::kName))
      func.setName((name.getValue() + "_run").str());
    return success();
  }

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (failed(convert(func)))
        return signalPassFailure();
  }
};
} // namespace
