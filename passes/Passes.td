// Every pass of dlc: one pass, one file of the same name.
#ifndef DLC_PASSES
#define DLC_PASSES

include "mlir/Pass/PassBase.td"
include "passes/math/MathPasses.td"

def LegalizeOnnx : Pass<"dlc-legalize-onnx", "::mlir::ModuleOp"> {
  let summary = "lower onnx.graph to nn, linalg, tensor and scf";
  let description = [{
    Looks up every node in the operator table by (domain, operator, opset) and
    lowers it, in graph order, folding constants and inferring shapes on the way,
    so that a Reshape fed by Shape -> Gather -> Concat becomes static. All
    unsupported nodes are reported before failing.

    ```mlir
    onnx.graph @main opsets {"" = 13} ... {
    ^bb0(%x: tensor<4xf32>):
      %y = onnx.node "Relu"(%x) ...
      onnx.return %y
    }
    // becomes
    func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
      %y = linalg.generic ...
      return %y
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect",
    "::dlc::nn::NNDialect"];
}

def SinkDequantize : Pass<"dlc-sink-dequantize", "::mlir::ModuleOp"> {
  let summary = "nn.dequantize below and nn.quantize above what only moves data";
  let description = [{
    Reshapes, transposes, slices, paddings and concatenations then work on small
    integers, and a quantize(dequantize(x)) with equal parameters is x. Unsigned
    storage becomes signed storage (x ^ 128, zero point - 128), so that every
    later lowering knows one kind.

    ```mlir
    %f = nn.dequantize %x {...} : tensor<4x8xi8> -> tensor<4x8xf32>
    %t = linalg.transpose ins(%f) ...
    // becomes
    %u = linalg.transpose ins(%x) ...
    %t = nn.dequantize %u {...} : tensor<8x4xi8> -> tensor<8x4xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::dlc::nn::NNDialect"];
}

def IntegerContractions : Pass<"dlc-integer-contractions", "::mlir::ModuleOp"> {
  let summary = "products of dequantized tensors summed as integers";
  let description = [{
    nn.conv and nn.matmul of nn.dequantize results take the integers themselves.
    The zero point of constant weights is subtracted from them (i8, or i16 when
    the difference needs it), the input's zero point times the sum of the weights
    becomes an addend of each channel, and the epilogue starts with the scaling to
    f32. Sums are i32, or i64 where the weights allow an overflow.

    ```mlir
    %y = nn.conv ins(%dequantized_x, %dequantized_w) ... ^bb0(%acc: f32)
    // becomes
    %y = nn.conv ins(%x, %w : tensor<..xi8>, tensor<..xi8>) epilogue(%correction, %scales)
    ^bb0(%acc: i32, %c: i32, %s: f32):
      %sum = arith.addi %acc, %c : i32
      %f = arith.sitofp %sum : i32 to f32 ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::dlc::nn::NNDialect"];
}

def IntegerSums : Pass<"dlc-integer-sums", "::mlir::ModuleOp"> {
  let summary = "sums of dequantized elements (average pools, means) as integers";
  let description = [{
    A reduction that only adds up nn.dequantize results adds the integers in i32
    and scales the sum once.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::dlc::nn::NNDialect"];
}

def TabulateQuantized : Pass<"dlc-tabulate-quantized", "::mlir::ModuleOp"> {
  let summary = "functions of one quantized tensor as tables";
  let description = [{
    Elementwise operations between one nn.dequantize and one nn.quantize (sigmoid,
    tanh, hard swish, x * sigmoid(x), ...) are computed for all values that the
    input can have. Of 8-bit integers each element is then one load, of 16-bit
    ones a polynomial whose coefficients lie in a table (quantize/Piecewise.h),
    where the target has no vectors of floats. Sums, products with constants
    and bounds stay: dlc-integer-requantize fuses those with what is before them.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::dlc::nn::NNDialect"];
}

def LowerQuantize : Pass<"dlc-lower-quantize", "::mlir::ModuleOp"> {
  let summary = "nn.quantize and nn.dequantize to elementwise operations";
  let description = [{
    The end of the quantize stage: what found no integer form is computed in f32,
    fused with its neighbours by the passes for elementwise operations.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect", "::dlc::nn::NNDialect"];
}

def FoldChannels : Pass<"dlc-fold-channels", "::mlir::ModuleOp"> {
  let summary = "remove channels that are constant or that nobody reads";
  let description = [{
    A channel of a quantized contraction whose result is the same for the smallest
    and the largest sum that its weights allow is a constant: what it adds to the
    sums of its readers moves into their epilogues, exactly, also through
    depthwise convolutions and through padding with that very value. A channel
    whose readers multiply it by zero only is dead. Both are cut out of the
    weights of all contractions, reshapes, paddings and residual additions that
    they pass through; the number of channels stays a multiple of four where it
    can. Needs channels-last contractions with constant, unpacked weights.
  }];
  let statistics = [Statistic<"numShrunk", "shrunk", "operations with fewer channels">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"];
}

def ShareLayers : Pass<"dlc-share-layers", "::mlir::ModuleOp"> {
  let summary = "one function for layers that differ in their constants only";
  let description = [{
    Layers of the same kernel, sizes and strides whose code is the same but for
    constant tensors and numbers that are added or compared (with `everything`:
    for any 32-bit number, shifts as well) call one function that takes these as
    arguments. Each layer keeps a function of its name, which does just that.
  }];
  let options = [Option<"everything", "everything", "bool", "false",
                        "share where that costs instructions, too">];
  let statistics = [Statistic<"numShared", "shared", "functions saved">];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

def IntegerRequantize : Pass<"dlc-integer-requantize", "::mlir::ModuleOp"> {
  let summary = "quantized results from integers alone, rounded exactly";
  let description = [{
    A fused body that scales integers to floats and quantizes them again is read
    as a linear function of its integers. Fixed-point parameters are searched
    that give, for every possible sum of every channel, the very integer that the
    rounding mode (`rt.requant`) defines; where there are none, the floats stay.
    A ReLU or Clip in between narrows the bounds.

    ```mlir
    %f = arith.sitofp %acc ... arith.mulf, divf, roundeven, clamp, fptosi, trunci
    // becomes
    %s = arith.addi %acc, %bias
    %lo, %hi = arith.mulsi_extended %s, %multiplier
    %t = arith.addi %hi, %offset
    %u = arith.shrsi %t, %shift ... maxsi, minsi, trunci
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def Interpret : Pass<"dlc-interpret", "::mlir::ModuleOp"> {
  let summary = "execute functions of tensor IR in the compiler, for tests";
  let description = [{
    Runs each public function with the reference interpreter (passes/evaluate):
    numbers can be checked after any stage that leaves tensors. The value of an
    argument is its attribute `rt.value`, else seeded random numbers.

    - `mode=fold` (default) replaces the body by the results;
    - `mode=record` keeps the body, notes the values of arguments (`rt.value`)
      and the results (`rt.expect`) as attributes of the signature;
    - `mode=check` compares with `rt.expect` and reports what differs.

    `dlc-opt --dlc-interpret=mode=record --some-pass --dlc-interpret=mode=check`
    tests that a pass keeps the numbers.

    ```mlir
    func.func @f(%x: tensor<2xf32> {rt.value = dense<[1.0, 2.0]> : tensor<2xf32>}) -> tensor<2xf32> {
      %y = ... // %x + %x
      return %y : tensor<2xf32>
    }
    // becomes
      %y = arith.constant dense<[2.0, 4.0]> : tensor<2xf32>
    ```
  }];
  let options = [
    Option<"mode", "mode", "std::string", "\"fold\"", "fold, record or check">,
    Option<"seed", "seed", "uint64_t", "1", "of random arguments">,
    Option<"dynamicSize", "dynamic-size", "int64_t", "0", "for dynamic dimensions of random arguments; 0: refuse them">,
    Option<"rtol", "rtol", "double", "1e-5", "largest relative difference of floats">,
    Option<"atol", "atol", "double", "1e-6", "largest absolute difference of floats">,
    Option<"maxBytes", "max-bytes", "int64_t", "4294967296", "of all tensors alive">,
    Option<"maxSteps", "max-steps", "int64_t", "1000000000000", "scalar operations of one function">];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def FoldAffine : Pass<"dlc-fold-affine"> {
  let summary = "fold scales and offsets of channels into weights and one bias";
  let description = [{
    The beginning of an epilogue that is affine in the accumulator, with
    constants of each channel (BatchNormalization, a bias before or after it,
    scalar factors), becomes scaled weights and at most one addition. Weights
    must be constant, floating-point, and used by this contraction only. Products
    are formed in double and rounded once. Run it after `dlc-fuse-epilogues`.

    ```mlir
    %r = nn.conv ins(%x, %w) epilogue(%scale, %shift) { ^bb0(%acc, %s, %t): relu(%acc * %s + %t) }
    // becomes
    %r = nn.conv ins(%x, %w_scaled) epilogue(%shift) { ^bb0(%acc, %t): relu(%acc + %t) }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def FoldConstants : Pass<"dlc-fold-constants"> {
  let summary = "replace what is computed from constants by constants";
  let description = [{
    Interprets (passes/evaluate) every operation whose operands are known, in
    order, and replaces its results by constants. A result may be as large as
    the constants it is computed from plus `extra-bytes`; larger ones, such as a
    fill of a large buffer, stay code, but what is computed from them is still
    evaluated. Division by zero, accesses out of bounds and whatever exceeds
    the limits are left to run time. Operations that became dead are erased.

    ```mlir
    %a = arith.constant dense<[1, 2]> : tensor<2xi32>
    %r = linalg.generic {...} ins(%a : tensor<2xi32>) ... // doubles
    // becomes
    %r = arith.constant dense<[2, 4]> : tensor<2xi32>
    ```
  }];
  let options = [
    Option<"extraBytes", "extra-bytes", "int64_t", "65536",
           "how much larger than its operands a constant may be">,
    Option<"maxSteps", "max-steps", "int64_t", "250000000",
           "scalar operations of one evaluation; all together may execute four times as many">];
  let statistics = [Statistic<"numFolded", "folded", "operations replaced by constants">];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

def ReuseOperands : Pass<"dlc-reuse-operands", "::mlir::ModuleOp"> {
  let summary = "let elementwise operations write over an operand";
  let description = [{
    `linalg.generic ins(%a, %b) outs(%empty)` becomes `ins(%b) outs(%a)` where
    %a is a temporary of the result's type, read at the element that is written,
    and used nowhere else. One-shot bufferization then works in place.
  }];
}

def LowerPads : Pass<"dlc-lower-pads", "::mlir::ModuleOp"> {
  let summary = "tensor.pad to a filled tensor that the source is inserted into";
  let description = [{
    After `eliminate-empty-tensors` the producer of the source writes straight
    into the inside of the padded buffer.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def ConvertBoundary : Pass<"dlc-convert-boundary", "::mlir::ModuleOp"> {
  let summary = "inputs and outputs of the model become buffers";
  let description = [{
    Arguments become row-major memrefs that are only read; results become
    further arguments that are only written. The function is named NAME_run.

    ```mlir
    func.func @main(%x: tensor<4xf32>) -> tensor<4xf32>
    // becomes
    func.func @kws_run(%x: memref<4xf32>, %y: memref<4xf32>)
    ```

    A result with sizes that are known at run time only, but bounded, is stored
    row-major in a flat buffer of the bounds' size (`bounds` in `rt.outputs`). On hosted
    targets inputs and results may be unbounded (`shape`): an input is a pointer, a result
    a place for the pointer to a block of `dlc_alloc`. In all these cases a last
    argument `rt.dims` has room for the dims of all inputs, which are read, and all
    outputs, which are written.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::cf::ControlFlowDialect"];
}

def LowerReshapes : Pass<"dlc-lower-reshapes", "::mlir::ModuleOp"> {
  let summary = "reshapes with sizes known at run time to flattening and expanding";
  let description = [{
    `tensor.reshape` reads its sizes from memory; `tensor.collapse_shape` and
    `tensor.expand_shape` take them as values and become views.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
}

def CheckSizes : Pass<"dlc-check-sizes", "::mlir::ModuleOp"> {
  let summary = "stop models whose sizes at run time do not fit together";
  let description = [{
    Where operands of one operation must agree in a size that is known at run time
    only, `cf.assert` ends the model with DLC_ERR_DIMS before memory is touched
    that is not there. Sizes that are the same value need no check.
  }];
  let dependentDialects = ["::mlir::cf::ControlFlowDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect"];
}

def ScheduleOperations : Pass<"dlc-schedule-operations", "::mlir::ModuleOp"> {
  let summary = "order operations such that the least memory is needed at once";
  let description = [{
    The operations of the model's function are a graph; any order that respects
    it is right, but not all need the same memory. Where branches are few the best
    order is found by dynamic programming over the sets of operations that may be
    done at some time; otherwise greedily, and the given order is kept when that is
    no better. Tensors count with their bytes from the operation that makes them to
    the last one that reads them; elementwise results take their operand's place.
    ```mlir
    %a = "large"(%x)
    %b = "large"(%x)
    %c = "shrink"(%a)
    // becomes
    %a = "large"(%x)
    %c = "shrink"(%a)
    %b = "large"(%x)
    ```
  }];
}

def PoisonArena : Pass<"dlc-poison-arena", "::mlir::ModuleOp"> {
  let summary = "change the bytes of the arena that no tensor owns, for tests";
  let description = [{
    With `rt.poison_arena` on the module (dlc-run --poison-arena) a call after every
    operation of the model's function changes each byte of the arena that holds
    no tensor that is still read. Results stay as they are unless the plan of
    dlc-plan-arena, or a kernel that writes over its input, is wrong.
    ```mlir
    "op"(%view) : (memref<16xf32>) -> ()
    // becomes
    "op"(%view) : (memref<16xf32>) -> ()
    func.call @net_poison(%arena, %c64, %c128) : (memref<128xi8>, index, index) -> ()
    ```
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect", "::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect", "::mlir::func::FuncDialect"];
}

def PlanArena : Pass<"dlc-plan-arena", "::mlir::ModuleOp"> {
  let summary = "give every buffer an offset in one arena";
  let description = [{
    Replaces each `memref.alloc` of a model's function by a `memref.view` into
    a new first argument, the arena. Buffers that are alive at the same time
    are disjoint, but for one case: an operation's output lies over an input that
    dies there as far as the order of its loops allows (passes/memory/Overlaps.h),
    from elementwise operations in place to results that begin before their
    input does. A size that is known at run time only counts by its upper bound.
    `rt.arena_bytes` and `rt.arena_lower_bound_bytes` (most bytes that
    are needed at once) are set on the function. `rt.ram_budget` on the module is
    the most that arena, inputs and outputs may take.

    With `rt.memories` there is one argument for each memory. The buffers with most
    traffic for each of their bytes go to the first memory as long as they fit, and
    so on; what the last one cannot hold is an error.

    Buffers without a bound are an error on firmware. On hosted targets calls of
    runtime-lite (`dlc_pool_alloc`, passes/memory/Blocks.h) give and take them; a
    `cf.assert` ends the model with DLC_ERR_MEMORY when there is none.

    With `rt.io_arena` on the module inputs and outputs lie in the arena, too:
    the arguments go, and `rt.inputs` and `rt.outputs` say at which `arena_offset`.
    An input's place is free for others after its last use, an output's before
    its first; nothing else overlaps them.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect",
                           "::mlir::cf::ControlFlowDialect",
                           "::mlir::arith::ArithDialect"];
}

def OutlineLayers : Pass<"dlc-outline-layers", "::mlir::ModuleOp"> {
  let summary = "one function for each step of the model";
  let description = [{
    Consecutive steps of one ONNX node become a private function
    NAME_layer_N with attribute `rt.layer`; the model's function calls them in
    order. Buffers of the arena are arguments, marked `llvm.noalias` when the
    plan keeps them apart; views and constants are repeated inside.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

def SplitLayers : Pass<"dlc-split-layers", "::mlir::ModuleOp"> {
  let summary = "parts of large layers for threads";
  let description = [{
    With `rt.threads` = N a layer of one contraction or linalg operation that has
    work enough calls NAME_layer_K_part, which does one of at most N parts of the
    result (rows, else channels). The attribute `rt.tasks` says that a call of this
    function means all its parts, in any order, perhaps at the same time
    (`dlc_parallel_for` of the runtime). Results do not depend on N: no sum is cut.

    ```mlir
    func.func private @m_layer_3(%x: memref<64x8xf32>, ...) attributes {rt.layer = ...} {
      nn.matmul ins(%x, %w : ...) outs(%y : ...)
    // becomes, with rt.threads = 2
    func.func private @m_layer_3_part(%i: index, %x: memref<64x8xf32>, ...)
        attributes {rt.tasks = 2 : i64} {
      scf.index_switch %i
      case 0 { nn.matmul ins(%rows_0_to_31, %w ...) }
      default { nn.matmul ins(%rows_32_to_63, %w ...) }
    ```
  }];
  let dependentDialects = ["::mlir::func::FuncDialect", "::mlir::scf::SCFDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::arith::ArithDialect"];
}

def LowerCopies : Pass<"dlc-lower-copies", "::mlir::ModuleOp"> {
  let summary = "copies of strided buffers become loops, of equal elements fills";
  let description = [{
    `memref.copy` between contiguous buffers stays (a memcpy); anything else
    becomes a loop nest, as LLVM's lowering would call a run-time library. A
    constant of equal elements is not copied but its element filled in, so that
    it takes no place among the weights.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect"];
}
def LowerContractions : Pass<"dlc-lower-contractions", "::mlir::ModuleOp"> {
  let summary = "nn.conv and nn.matmul on buffers to plain loops";
  let description = [{
    For contractions that no micro-kernel takes: any rank, layout, group count
    and element type. One accumulator in a register; the epilogue is applied
    before the store. Inputs narrower than the accumulator are widened (integers
    with their sign).
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::math::MathDialect"];
}

def FuseEpilogues : Pass<"dlc-fuse-epilogues", "::mlir::ModuleOp"> {
  let summary = "bias, activation, residual add into the contraction before them";
  let description = [{
    An elementwise `linalg.generic` on the result of an `nn.conv` or `nn.matmul`
    that nothing else uses becomes part of its epilogue. Its other operands must
    have the result's shape, one element a channel, or one element in all.

    ```mlir
    %0 = nn.conv ... { ^bb0(%acc: f32): nn.yield %acc }
    %1 = linalg.generic ins(%0, %bias) { max(%0 + %bias, 0) }
    // becomes
    %1 = nn.conv ... epilogue(%bias) { ^bb0(%acc: f32, %b: f32): max(%acc + %b, 0) }
    ```
  }];
  let dependentDialects = ["::dlc::nn::NNDialect", "::mlir::tensor::TensorDialect"];
}

def PlanKernels : Pass<"dlc-plan-kernels", "::mlir::ModuleOp"> {
  let summary = "choose a micro-kernel for each contraction";
  let description = [{
    Sets `kernel` (#nn.kernel) on `nn.conv` and `nn.matmul` from the target, the
    element type and the shapes; changes nothing else. Contractions without one
    become plain loops.
  }];
}

def FoldPads : Pass<"dlc-fold-pads", "::mlir::ModuleOp"> {
  let summary = "constant padding into convolutions whose kernel pads by itself";
  let description = [{
    Runs after `dlc-plan-kernels`: which convolution takes padding is the kernel's
    matter (passes/kernels/Needs.h). Others keep their padded copy.

    ```mlir
    %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] { tensor.yield %zp }
    %r = nn.conv ins(%p, %w) attributes {kernel = #nn.kernel<kind = "dsp", ...>, ...}
    // becomes
    %r = nn.conv ins(%x, %w) attributes {pads = array<i64: 1, 1, 1, 1>, pad_value = 5 : i8, ...}
    ```
  }];
}

def AllocateScratch : Pass<"dlc-allocate-scratch", "::mlir::ModuleOp"> {
  let summary = "scratch memory for contractions whose kernel needs some";
  let description = [{
    Runs on buffers, before `dlc-plan-arena`, so that scratch lies in the arena and
    only as long as its layer runs.

    ```mlir
    nn.conv ins(%x, %w) outs(%y) attributes {kernel = #nn.kernel<...>}
    // becomes
    %s = memref.alloc() : memref<576xi8>
    nn.conv ins(%x, %w) outs(%y) scratch(%s : memref<576xi8>) attributes {...}
    ```
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def PackWeights : Pass<"dlc-pack-weights", "::mlir::ModuleOp"> {
  let summary = "store constant weights in the order in which kernels read them";
  let description = [{
    The constant filter of a convolution with a `gemm` kernel of width P becomes
    [group * panels, kernel..., channels, P]; the constant right side of a
    product [panels, K, P].
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def LowerKernels : Pass<"dlc-lower-kernels", "::mlir::ModuleOp"> {
  let summary = "emit the micro-kernels that dlc-plan-kernels chose";
  let description = [{
    Contractions on buffers with a `kernel` attribute become loops around a
    register tile: `vector.load`, broadcasts of row elements and fused
    multiply-adds on accumulators carried by the loops; the epilogue works on
    whole vectors. Nothing outside the buffers is read.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect", "::dlc::arm_dsp::ArmDSPDialect",
                           "::dlc::arm_mve::ArmMVEDialect"];
}

def FuseElementwise : Pass<"dlc-fuse-elementwise", "::mlir::ModuleOp"> {
  let summary = "fuse elementwise operations where nothing is computed twice";
  let description = [{
    The upstream patterns of linalg, for producers with one use whose consumer
    reads every element once: an activation never ends up inside a window.
    With `only-widening` only dequantizations move, into each of their readers.
  }];
  let options = [Option<"onlyWidening", "only-widening", "bool", "false",
                        "fuse producers of wide elements from narrow integers, even with "
                        "several readers, and nothing else">];
}

def ChannelsLast : Pass<"dlc-channels-last", "::mlir::ModuleOp"> {
  let summary = "convolutions in channels-last layout, between transposes";
  let description = [{
    `nn.conv` on [N, C, spatial...] becomes transposes around one with
    `channels_last`; dlc-propagate-transposes removes most of them.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def PropagateTransposes : Pass<"dlc-propagate-transposes", "::mlir::ModuleOp"> {
  let summary = "move transposes down until they cancel";
  let description = [{
    Through elementwise operations, pools, reductions, pads, slices and
    concatenations. Transposes that only move dimensions of size 1 become
    reshapes; others are folded into the indexing maps of what reads them.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def ConvToMatmul : Pass<"dlc-conv-to-matmul", "::mlir::ModuleOp"> {
  let summary = "pointwise convolutions become matrix products";
  let description = [{
    `nn.conv` with `channels_last`, one group, a kernel of size 1 and stride 1 is
    `nn.matmul` of [N * spatial, C] and [C, O].
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def SplitSums : Pass<"dlc-split-sums", "::mlir::ModuleOp"> {
  let summary = "split long sums of f32 numbers into sums of sums";
  let description = [{
    A sum over an image, number by number, is wrong by some thousand times what
    a number is rounded by. Summed row by row, and then the rows, it is wrong by
    the square root of that.

    ```mlir
    linalg.generic {iterator_types = ["parallel", "reduction", "reduction"]}
        ins(%x : tensor<8x100x200xf32>) outs(%zero : tensor<8xf32>) ...
    // becomes
    %rows = linalg.generic {iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%x : tensor<8x100x200xf32>) outs(%zeros : tensor<8x100xf32>) ...
    linalg.generic {iterator_types = ["parallel", "reduction"]}
        ins(%rows : tensor<8x100xf32>) outs(%zero : tensor<8xf32>) ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def OrderLoops : Pass<"dlc-order-loops", "::mlir::ModuleOp"> {
  let summary = "order the loops of linalg.generic along memory";
  let description = [{
    The loop along which most operands have neighbouring elements becomes the
    innermost one, so that it can be vectorized.
  }];
}

def CollapseLoops : Pass<"dlc-collapse-loops", "::mlir::ModuleOp"> {
  let summary = "merge loops that walk memory as one loop would";
  let description = [{
    Neighbouring loops of a linalg operation on buffers become one where every
    operand either lies in memory without gaps along them or does not move with
    them; loops that run once disappear. LLVM vectorizes innermost loops only,
    and those of an image's last dimension are short.

    ```mlir
    linalg.generic {indexing_maps = [(a, b, c) -> (a, b, c), (a, b, c) -> (c)], ...}
        ins(%x, %bias : memref<1x20x8xf32>, memref<8xf32>) ...
    // becomes
    linalg.generic {indexing_maps = [(a, b) -> (a, b), (a, b) -> (b)], ...}
        ins(%flat, %bias : memref<20x8xf32>, memref<8xf32>) ...
    ```
  }];
  let statistics = [
    Statistic<"numCollapsed", "collapsed", "operations with fewer loops">];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::memref::MemRefDialect"];
}

def PlanVectors : Pass<"dlc-plan-vectors", "::mlir::ModuleOp"> {
  let summary = "choose the operations that run on vectors of Helium";
  let description = [{
    A linalg operation on buffers whose last loop is parallel and walks neighbouring
    elements, and whose body has only values for which there are vectors, gets an
    attribute that says how. LLVM's vectorizer does not find upper halves of products,
    needs tests of addresses at run time, and C++ may be compiled without one.

    ```mlir
    linalg.generic {...} ins(%x : memref<40xi8>) outs(%y : memref<40xi8>) { ... i32 ... }
    // becomes
    linalg.generic {..., nn.kernel = #nn.kernel<kind = "mve_lanes", lanes = 4, ...>} ...
    ```
  }];
  let statistics = [
    Statistic<"numPlanned", "planned", "operations with a kernel">];
  let dependentDialects = ["::dlc::nn::NNDialect"];
}

def LowerVectors : Pass<"dlc-lower-vectors", "::mlir::ModuleOp"> {
  let summary = "emit the operations that dlc-plan-vectors chose";
  let description = [{
    ```mlir
    scf.for %i = %c0 to %c40 step %c4 {
      %0 = arm_mve.load %x[%i] : memref<40xi8> -> vector<4xi32>
      ...
      arm_mve.store %1, %y[%i] : vector<4xi32>, memref<40xi8>
    }
    ```
  }];
  let dependentDialects = ["::dlc::arm_mve::ArmMVEDialect", "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def UnshareInits : Pass<"dlc-unshare-inits", "::mlir::ModuleOp"> {
  let summary = "one empty or filled tensor for each operation that writes to it";
  let description = [{
    CSE makes one `linalg.fill` of many, and one-shot bufferization would then
    keep it and copy it for each user. Runs after the last CSE on tensors.
  }];
}
#endif
