// Which layers run in bands of rows: the cheapest that meet a budget, none that need not.
// RUN: split-file %s %t
// RUN: cat %t/budget.txt %t/model.mlir > %t/budget.mlir
// RUN: dlc-opt %t/budget.mlir --dlc-plan-rows --verify-each | FileCheck %s --check-prefix=BUDGET
// RUN: cat %t/enough.txt %t/model.mlir > %t/enough.mlir
// RUN: dlc-opt %t/enough.mlir --dlc-plan-rows --verify-each | FileCheck %s --check-prefix=NONE
// RUN: cat %t/ram.txt %t/model.mlir > %t/ram.mlir
// RUN: dlc-opt %t/ram.mlir --dlc-plan-rows --verify-each | FileCheck %s --check-prefix=RAM
// RUN: cat %t/size.txt %t/model.mlir > %t/size.mlir
// RUN: dlc-opt %t/size.mlir --dlc-plan-rows --verify-each | FileCheck %s --check-prefix=NONE
// RUN: cat %t/hosted.txt %t/model.mlir > %t/hosted.mlir
// RUN: dlc-opt %t/hosted.mlir --dlc-plan-rows --verify-each | FileCheck %s --check-prefix=NONE
// RUN: cat %t/little.txt %t/model.mlir > %t/little.mlir
// RUN: not dlc-opt %t/little.mlir --dlc-plan-rows 2>&1 | FileCheck %s --check-prefix=LITTLE

// The result of the first layer has 64 KiB, input and output 8 KiB each; with padded copies it is
// 100 KB layer after layer.
// BUDGET: nn.conv {{.*}}rt.bands = array<i64: 0, [[H:[0-9]+]]>
// BUDGET: nn.conv {{.*}}rt.bands = array<i64: 0, [[H]]>
// BUDGET: linalg.generic {{.*}}rt.bands = array<i64: 0, [[H]]>

// NONE-NOT: rt.bands
// NONE: return

// Without a budget, to save memory: as low as ten percent of the time make it.
// RAM: nn.conv {{.*}}rt.bands
// RAM: nn.conv {{.*}}rt.bands

// LITTLE: error: the model needs {{[0-9]+}} bytes of RAM even in bands of rows
// LITTLE-SAME: which is more than --ram-budget=3000
// LITTLE: bytes are needed at once by
// LITTLE: note: layer after layer it needs {{[0-9]+}} bytes; the lowest budget that works is
// LITTLE: note: --io=arena lets inputs and outputs share the arena

//--- budget.txt
module attributes {rt.name = "m", rt.optimize = "speed", rt.ram_budget = 60000 : i64, rt.target = #rt.target<name = "cortex-m4", triple = "thumbv7em-unknown-none-eabihf", cpu = "cortex-m4", features = "", float_abi = "hard", isa = "scalar", index_bits = 32, hosted = false, fma_f32 = true, dsp = true, fpu_f32 = true>} {
//--- enough.txt
module attributes {rt.name = "m", rt.optimize = "speed", rt.ram_budget = 120000 : i64, rt.target = #rt.target<name = "cortex-m4", triple = "thumbv7em-unknown-none-eabihf", cpu = "cortex-m4", features = "", float_abi = "hard", isa = "scalar", index_bits = 32, hosted = false, fma_f32 = true, dsp = true, fpu_f32 = true>} {
//--- ram.txt
module attributes {rt.name = "m", rt.optimize = "ram", rt.target = #rt.target<name = "cortex-m4", triple = "thumbv7em-unknown-none-eabihf", cpu = "cortex-m4", features = "", float_abi = "hard", isa = "scalar", index_bits = 32, hosted = false, fma_f32 = true, dsp = true, fpu_f32 = true>} {
//--- size.txt
module attributes {rt.name = "m", rt.optimize = "size", rt.target = #rt.target<name = "cortex-m4", triple = "thumbv7em-unknown-none-eabihf", cpu = "cortex-m4", features = "", float_abi = "hard", isa = "scalar", index_bits = 32, hosted = false, fma_f32 = true, dsp = true, fpu_f32 = true>} {
//--- hosted.txt
module attributes {rt.name = "m", rt.optimize = "ram", rt.target = #rt.target<name = "host", triple = "x86_64-unknown-linux-gnu", cpu = "x86-64", features = "", float_abi = "", isa = "sse", vector_bits = 128, fpu_f32 = true, fpu_f64 = true>} {
//--- little.txt
module attributes {rt.name = "m", rt.optimize = "ram", rt.ram_budget = 3000 : i64, rt.target = #rt.target<name = "cortex-m4", triple = "thumbv7em-unknown-none-eabihf", cpu = "cortex-m4", features = "", float_abi = "hard", isa = "scalar", index_bits = 32, hosted = false, fma_f32 = true, dsp = true, fpu_f32 = true>} {
//--- model.mlir
  func.func @m(%x: tensor<1x32x32x2xf32>) -> tensor<1x32x32x2xf32> attributes {
      rt.inputs = [{name = "x", dtype = "float32"}], rt.outputs = [{name = "y", dtype = "float32"}]} {
    %w = arith.constant dense<0.5> : tensor<3x3x2x16xf32>
    %v = arith.constant dense<0.25> : tensor<3x3x16x2xf32>
    %zero = arith.constant 0.0 : f32
    %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
    ^bb0(%a: index, %b: index, %c: index, %d: index):
      tensor.yield %zero : f32
    } : tensor<1x32x32x2xf32> to tensor<1x34x34x2xf32>
    %e = tensor.empty() : tensor<1x32x32x16xf32>
    %r = nn.conv ins(%p, %w : tensor<1x34x34x2xf32>, tensor<3x3x2x16xf32>) outs(%e : tensor<1x32x32x16xf32>)
        attributes {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, channels_last = true} {
    ^bb0(%acc: f32):
      nn.yield %acc : f32
    } -> tensor<1x32x32x16xf32>
    %q = tensor.pad %r low[0, 1, 1, 0] high[0, 1, 1, 0] {
    ^bb0(%a: index, %b: index, %c: index, %d: index):
      tensor.yield %zero : f32
    } : tensor<1x32x32x16xf32> to tensor<1x34x34x16xf32>
    %f = tensor.empty() : tensor<1x32x32x2xf32>
    %s = nn.conv ins(%q, %v : tensor<1x34x34x16xf32>, tensor<3x3x16x2xf32>) outs(%f : tensor<1x32x32x2xf32>)
        attributes {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, channels_last = true} {
    ^bb0(%acc: f32):
      nn.yield %acc : f32
    } -> tensor<1x32x32x2xf32>
    %g = tensor.empty() : tensor<1x32x32x2xf32>
    %t = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, h, w, c)>],
        iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
        ins(%s : tensor<1x32x32x2xf32>) outs(%g : tensor<1x32x32x2xf32>) {
    ^bb0(%a: f32, %b: f32):
      %n = math.absf %a : f32
      linalg.yield %n : f32
    } -> tensor<1x32x32x2xf32>
    return %t : tensor<1x32x32x2xf32>
  }
}
