// Names that are no identifiers, keywords, macros, ends of comments, trigraphs or
// twins: the header stays C11 and C++17 without a warning, the manifest JSON.
// RUN: dlc-emit %s -o %t --emit=obj,header,manifest,report
// RUN: echo '#include "%t.h"' > %t.c
// RUN: echo 'int main(void) { return sizeof(HOSTILE_INPUT5_NAME) == 5 ? 0 : 1; }' >> %t.c
// RUN: gcc -std=c11 -Wall -Wextra -Werror -pedantic -I%source/runtime-lite/include %t.c -o %t.exe
// RUN: %t.exe
// RUN: gcc -x c++ -std=c++17 -Wall -Wextra -Werror -pedantic -I%source/runtime-lite/include %t.c -o %t.exe
// RUN: %t.exe
// RUN: %python -c "import json, sys; m = json.load(open(sys.argv[1])); assert m['inputs'][5]['name'] == '*/?\"', m" %t.json
// RUN: FileCheck %s < %t.h
// RUN: %python -c "import html.parser, sys; p = html.parser.HTMLParser(); p.feed(open(sys.argv[1]).read()); p.close()" %t.html
// RUN: FileCheck %s --check-prefix=REPORT < %t.html
// REQUIRES: gcc

// CHECK: #define HOSTILE_INPUT4_NAME "a\\b\012c"
// CHECK: #define HOSTILE_INPUT5_NAME "*/\?\""
// CHECK: dlc_status hostile_run(void *arena, const uint8_t *m_while, const uint8_t *arena_2, const uint8_t *int8_max, const uint8_t *m0_0, const uint8_t *a_b_c, const uint8_t *m, const uint8_t *m_2, const uint8_t *m_while_2, uint8_t *m_size_t);
// REPORT: <code>*/ &quot;quoted&quot; \</code>

module attributes {rt.name = "hostile"} {
  func.func private @hostile_layer_0(%a: memref<4xi8>, %y: memref<4xi8>) attributes {rt.layer = {name = "*/ \22quoted\22 \\"}} {
    memref.copy %a, %y : memref<4xi8> to memref<4xi8>
    return
  }
  func.func @hostile_run(%arena: memref<16xi8> {rt.arena}, %a: memref<4xi8>, %b: memref<4xi8>, %c: memref<4xi8>, %d: memref<4xi8>,
      %e: memref<4xi8>, %f: memref<4xi8>, %g: memref<4xi8>, %h: memref<4xi8>, %y: memref<4xi8>)
      attributes {rt.inputs = [{name = "while", dtype = "uint8"}, {name = "arena", dtype = "uint8"}, {name = "INT8_MAX", dtype = "uint8"},
                               {name = "0/0", dtype = "uint8"}, {name = "a\\b\0Ac", dtype = "uint8"}, {name = "*/?\22", dtype = "uint8"},
                               {name = "", dtype = "uint8"}, {name = "while", dtype = "uint8"}],
                  rt.outputs = [{name = "size_t", dtype = "uint8", scale = 0.00390625 : f64, zero_point = -128 : i64}],
                  rt.arena_bytes = 16 : i64, rt.arena_lower_bound_bytes = 0 : i64} {
    call @hostile_layer_0(%a, %y) : (memref<4xi8>, memref<4xi8>) -> ()
    return
  }
}
