// This file teaches one-shot bufferization the operations of the nn dialect.
#include "dialects/NN/NN.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::bufferization;

namespace {
/// A contraction reads its inputs, overwrites its init, and becomes itself on
/// buffers.
template <typename Op>
struct ContractionInterface
    : DstBufferizableOpInterfaceExternalModel<ContractionInterface<Op>, Op> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    return !cast<Op>(op).isDpsInit(&operand);
  }
  bool bufferizesToMemoryWrite(Operation *op, OpOperand &operand,
                               const AnalysisState &) const {
    return cast<Op>(op).isDpsInit(&operand);
  }
  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    SmallVector<Value> buffers;
    for (Value operand : op->getOperands()) {
      FailureOr<Value> buffer = getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      buffers.push_back(*buffer);
    }
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);
    OperationState newState(op->getLoc(), op->getName(), buffers, TypeRange(),
                            op->getAttrs());
    newState.propertiesAttr = op->getPropertiesAsAttribute();
    newState.addRegion();
    Operation *newOp = rewriter.create(newState);
    newOp->getRegion(0).takeBody(op->getRegion(0));
    replaceOpWithBufferizedValues(rewriter, op,
                                  cast<Op>(newOp).getInit());
    return success();
  }
};
} // namespace

void dlc::nn::registerBufferizableOpInterfaces(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *ctx, NNDialect *) {
    ConvOp::attachInterface<ContractionInterface<ConvOp>>(*ctx);
    MatmulOp::attachInterface<ContractionInterface<MatmulOp>>(*ctx);
  });
}
