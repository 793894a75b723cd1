// RUN: dlc-opt %s --split-input-file --dlc-interpret=mode=check --verify-diagnostics

// expected-error @+1 {{function cannot be interpreted}}
func.func @zero(%x: i32) -> i32 {
  %z = arith.constant 0 : i32
  // expected-note @+1 {{'arith.divsi' is not supported, divides by zero, leaves its bounds or exceeds a limit}}
  %r = arith.divsi %x, %z : i32
  return %r : i32
}

// -----

// expected-error @+2 {{argument 0 has the dynamic type 'tensor<?xf32>'}}
// expected-note @+1 {{give it a value with the attribute rt.value, or set dynamic-size}}
func.func @dynamic(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

// expected-error @+2 {{result 0 differs at element 1}}
// expected-note @+1 {{found 2.0}}
func.func @differs() -> (tensor<2xf32> {rt.expect = dense<[1.0, 2.1]> : tensor<2xf32>}) {
  %x = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  return %x : tensor<2xf32>
}

// -----

// expected-error @+2 {{result 0 differs at element 0}}
// expected-note @+1 {{found -1, expected 3}}
func.func @integers() -> (tensor<2xi8> {rt.expect = dense<3> : tensor<2xi8>}) {
  %x = arith.constant dense<[-1, 3]> : tensor<2xi8>
  return %x : tensor<2xi8>
}

// -----

// expected-error @+1 {{result 0 has no attribute rt.expect}}
func.func @nothing() -> i1 {
  %x = arith.constant true
  return %x : i1
}
