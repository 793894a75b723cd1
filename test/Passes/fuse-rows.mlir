// Chains of layers in bands of rows, checked by numbers against layer after layer.
// RUN: dlc-opt %s --dlc-fuse-rows --verify-each | FileCheck %s
// RUN: dlc-opt %s --dlc-interpret=mode=record --dlc-fuse-rows --dlc-interpret=mode=check -o /dev/null
// RUN: dlc-opt %s --dlc-interpret=mode=record --dlc-fuse-rows --canonicalize --cse --dlc-interpret=mode=check -o /dev/null

#id = affine_map<(n, h, w, c) -> (n, h, w, c)>
#in = affine_map<(n, h, w, c, k) -> (n, h * 2 + k, w, c)>
#window = affine_map<(n, h, w, c, k) -> (k)>
#out = affine_map<(n, h, w, c, k) -> (n, h, w, c)>

// Three bands of two rows. The second convolution needs two rows of the first one's
// result again, in a copy; there is padding above the first band and below the last.
// CHECK-LABEL: @twice
// CHECK: %[[X0:.*]] = tensor.extract_slice %arg0[0, 0, 0, 0] [1, 4, 4, 2]
// CHECK: %[[P0:.*]] = tensor.pad %[[X0]] low[0, 1, 1, 0] high[0, 0, 1, 0]
// CHECK: %[[A0:.*]] = nn.conv ins(%[[P0]], {{.*}} outs(%{{.*}} : tensor<1x3x4x3xf32>)
// CHECK: %[[Q0:.*]] = tensor.pad %[[A0]] low[0, 1, 1, 0] high[0, 0, 1, 0]
// CHECK: %[[B0:.*]] = nn.conv ins(%[[Q0]], {{.*}} outs(%{{.*}} : tensor<1x2x4x2xf32>)
// CHECK: %[[Y0:.*]] = tensor.insert_slice %[[B0]] into %{{.*}}[0, 0, 0, 0] [1, 2, 4, 2]
// CHECK: %[[S0:.*]] = tensor.extract_slice %[[A0]][0, 1, 0, 0] [1, 2, 4, 3]
// CHECK: %[[K0:.*]] = bufferization.alloc_tensor() copy(%[[S0]])
// CHECK: tensor.insert_slice %[[K0]] into %{{.*}}[0, 0, 0, 0] [1, 2, 4, 3] {{.*}} into tensor<1x4x4x3xf32>
// CHECK: tensor.extract_slice %arg0[0, 2, 0, 0] [1, 4, 4, 2]
// CHECK: nn.conv {{.*}} outs(%{{.*}} : tensor<1x2x4x3xf32>)
// CHECK: nn.conv {{.*}} outs(%{{.*}} : tensor<1x2x4x2xf32>)
// CHECK: tensor.insert_slice %{{.*}} into %[[Y0]][0, 2, 0, 0] [1, 2, 4, 2]
// CHECK: tensor.extract_slice %arg0[0, 4, 0, 0] [1, 2, 4, 2]
// CHECK: tensor.pad %{{.*}} low[0, 0, 1, 0] high[0, 1, 1, 0]
// CHECK: nn.conv {{.*}} outs(%{{.*}} : tensor<1x1x4x3xf32>)
func.func @twice(%x: tensor<1x6x4x2xf32>, %w: tensor<3x3x2x3xf32>, %v: tensor<3x3x3x2xf32>) -> tensor<1x6x4x2xf32> {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x6x4x2xf32> to tensor<1x8x6x2xf32>
  %e = tensor.empty() : tensor<1x6x4x3xf32>
  %r = nn.conv ins(%p, %w : tensor<1x8x6x2xf32>, tensor<3x3x2x3xf32>) outs(%e : tensor<1x6x4x3xf32>)
      attributes {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, channels_last = true, rt.bands = array<i64: 0, 2>} {
  ^bb0(%acc: f32):
    nn.yield %acc : f32
  } -> tensor<1x6x4x3xf32>
  %q = tensor.pad %r low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x6x4x3xf32> to tensor<1x8x6x3xf32>
  %f = tensor.empty() : tensor<1x6x4x2xf32>
  %s = nn.conv ins(%q, %v : tensor<1x8x6x3xf32>, tensor<3x3x3x2xf32>) outs(%f : tensor<1x6x4x2xf32>)
      attributes {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, channels_last = true, rt.bands = array<i64: 0, 2>} {
  ^bb0(%acc: f32):
    nn.yield %acc : f32
  } -> tensor<1x6x4x2xf32>
  return %s : tensor<1x6x4x2xf32>
}

// A matrix is rows of an image, four of its own to each; the residual operand is what
// the chain began with; the result of the product is needed as a whole, too. A pool with
// a stride above its window leaves out rows: no one computes them.
// CHECK-LABEL: @mixed
// CHECK: %[[S:.*]] = tensor.extract_slice %{{.*}}[0, 0] [8, 2] [1, 1] : tensor<36x2xf32> to tensor<8x2xf32>
// CHECK: %[[R:.*]] = tensor.extract_slice %{{.*}}[0, 0] [8, 2] [1, 1] : tensor<36x2xf32> to tensor<8x2xf32>
// CHECK: nn.matmul ins(%[[S]], {{.*}} epilogue(%[[R]] : tensor<8x2xf32>)
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0, 0] [8, 2] [1, 1] : tensor<8x2xf32> into tensor<36x2xf32>
// CHECK: tensor.expand_shape %{{.*}} {{\[\[}}0, 1, 2], [3]] output_shape [1, 2, 4, 2]
// CHECK: linalg.fill {{.*}} -> tensor<1x1x4x2xf32>
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<1x1x4x2xf32>)
func.func @mixed(%x: tensor<1x9x4x2xf32>, %w: tensor<2x2xf32>) -> (tensor<1x4x4x2xf32>, tensor<1x9x4x2xf32>) {
  %flat = tensor.collapse_shape %x [[0, 1, 2], [3]] : tensor<1x9x4x2xf32> into tensor<36x2xf32>
  %e = tensor.empty() : tensor<36x2xf32>
  %m = nn.matmul ins(%flat, %w : tensor<36x2xf32>, tensor<2x2xf32>) epilogue(%flat : tensor<36x2xf32>)
      outs(%e : tensor<36x2xf32>) attributes {rt.bands = array<i64: 0, 1>} {
  ^bb0(%acc: f32, %r: f32):
    %s = arith.addf %acc, %r : f32
    nn.yield %s : f32
  } -> tensor<36x2xf32>
  %image = tensor.expand_shape %m [[0, 1, 2], [3]] output_shape [1, 9, 4, 2] : tensor<36x2xf32> into tensor<1x9x4x2xf32>
  %k = tensor.empty() : tensor<2xf32>
  %init = arith.constant dense<-1.0e30> : tensor<1x4x4x2xf32>
  %pool = linalg.generic {indexing_maps = [#in, #window, #out],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%image, %k : tensor<1x9x4x2xf32>, tensor<2xf32>) outs(%init : tensor<1x4x4x2xf32>)
      attrs = {rt.bands = array<i64: 0, 1>} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %max = arith.maximumf %a, %c : f32
    linalg.yield %max : f32
  } -> tensor<1x4x4x2xf32>
  %g = tensor.empty() : tensor<1x4x4x2xf32>
  %abs = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%pool : tensor<1x4x4x2xf32>) outs(%g : tensor<1x4x4x2xf32>) attrs = {rt.bands = array<i64: 0, 1>} {
  ^bb0(%a: f32, %b: f32):
    %n = math.absf %a : f32
    linalg.yield %n : f32
  } -> tensor<1x4x4x2xf32>
  return %abs, %image : tensor<1x4x4x2xf32>, tensor<1x9x4x2xf32>
}
