// This file lists minimax polynomials, printed by test/math/coefficients.sollya.
#pragma once
#include <cstdint>

namespace dlc::libm {
// (e^r - 1 - r) / r^2 on |r| <= ln(2)/2
inline constexpr double kExpF32[] = {
    0x1p-1,
    0x1.5554dep-3,
    0x1.55556cp-5,
    0x1.120acep-7,
    0x1.6ca9acp-10}; // relative error below 2^-22
inline constexpr double kExpF64[] = {
    0x1p-1,
    0x1.5555555555557p-3,
    0x1.5555555555552p-5,
    0x1.1111111110052p-7,
    0x1.6c16c16c18933p-10,
    0x1.a01a01ac1d91p-13,
    0x1.a01a0197bd3ffp-16,
    0x1.71de01acfed26p-19,
    0x1.27e500db6872ap-22,
    0x1.af4eccd5dbb53p-26,
    0x1.1f32fd59aaeb4p-29}; // relative error below 2^-58
// (2^r - 1) / r on |r| <= 1/2
inline constexpr double kExp2F32[] = {
    0x1.62e43p-1,
    0x1.ebfbdep-3,
    0x1.c6af9ep-5,
    0x1.3b2c58p-7,
    0x1.5ef4acp-10,
    0x1.427932p-13}; // relative error below 2^-26
inline constexpr double kExp2F64[] = {
    0x1.62e42fefa39efp-1,
    0x1.ebfbdff82c58ep-3,
    0x1.c6b08d704a1d1p-5,
    0x1.3b2ab6fba51a1p-7,
    0x1.5d87fe787529dp-10,
    0x1.430912f755655p-13,
    0x1.ffcbfd44215p-17,
    0x1.62c0272dcc245p-20,
    0x1.b5233e262131p-24,
    0x1.e4bb8386daafp-28,
    0x1.ec5de15e85be4p-32,
    0x1.e0f3bd549ee8ep-36}; // relative error below 2^-54
// log(1+f) = 2s + s z L(z), s = f/(2+f), z = s^2 <= 0.0295
inline constexpr double kLogF32[] = {
    0x1.555556p-1,
    0x1.99986cp-2,
    0x1.24c216p-2,
    0x1.ce5c5ap-3}; // relative error below 2^-25
inline constexpr double kLogF64[] = {
    0x1.5555555555558p-1,
    0x1.9999999995303p-2,
    0x1.2492492df3035p-2,
    0x1.c71c62e0b72cbp-3,
    0x1.7462b661a6689p-3,
    0x1.39fe212ae99bap-3,
    0x1.2b5b8533c9337p-3}; // relative error below 2^-50
// log(1+f) = 2s + 2/3 s z + s z^2 L(z)
inline constexpr double kLogTailF32[] = {
    0x1.99999ap-2,
    0x1.24921p-2,
    0x1.c7041cp-3,
    0x1.827ccap-3}; // relative error below 2^-26
inline constexpr double kLogTailF64[] = {
    0x1.999999999999ap-2,
    0x1.24924924922fcp-2,
    0x1.c71c71c74d1cp-3,
    0x1.745d173c57417p-3,
    0x1.3b13aa0342a94p-3,
    0x1.11154601f4b17p-3,
    0x1.e01b9e2a1bb45p-4,
    0x1.da9000072fdbp-4}; // relative error below 2^-54
// tanh(x) = x + x z T(z), z = x^2, |x| <= 0.625
inline constexpr double kTanhF32[] = {
    -0x1.555552p-2,
    0x1.110e02p-3,
    -0x1.b921b4p-5,
    0x1.57ea42p-6,
    -0x1.8f15a4p-8}; // relative error below 2^-22
inline constexpr double kTanhF64[] = {
    -0x1.5555555555555p-2,
    0x1.1111111111033p-3,
    -0x1.ba1ba1ba07886p-5,
    0x1.664f487c3e8aep-6,
    -0x1.226e3436e95c7p-7,
    0x1.d6d39102bcd32p-9,
    -0x1.7d9eeb7349f86p-10,
    0x1.35226a7e4041bp-11,
    -0x1.f2103420250a5p-13,
    0x1.838db85e60289p-14,
    -0x1.04445c774266ep-15,
    0x1.adffc5146ffc6p-18}; // relative error below 2^-54
// sinh(x) = x + x z S(z), |x| <= 1
inline constexpr double kSinhF32[] = {
    0x1.555556p-3,
    0x1.1110c4p-7,
    0x1.a036d8p-13,
    0x1.720f1ep-19}; // relative error below 2^-25
inline constexpr double kSinhF64[] = {
    0x1.5555555555555p-3,
    0x1.11111111111d9p-7,
    0x1.a01a019ff823ep-13,
    0x1.71de3a7dded12p-19,
    0x1.ae6424ecf7d6cp-26,
    0x1.6144e83417b2dp-33,
    0x1.98c25878fe5c3p-41,
    0x1.d98b328b11ca3p-47}; // relative error below 2^-54
// sin(x) = x + x z S(z), |x| <= pi/4
inline constexpr double kSinF32[] = {
    -0x1.555552p-3,
    0x1.110be2p-7,
    -0x1.9ab218p-13}; // relative error below 2^-22
inline constexpr double kSinF64[] = {
    -0x1.5555555555555p-3,
    0x1.1111111110c79p-7,
    -0x1.a01a019e9ec4dp-13,
    0x1.71de37aedaa89p-19,
    -0x1.ae601e31b5573p-26,
    0x1.5e109ff90d843p-33}; // relative error below 2^-52
// cos(x) = 1 - z/2 + z^2 C(z), |x| <= pi/4
inline constexpr double kCosF32[] = {
    0x1.555554p-5,
    -0x1.6c129cp-10,
    0x1.9bc672p-16}; // relative error below 2^-24
inline constexpr double kCosF64[] = {
    0x1.5555555555555p-5,
    -0x1.6c16c16c168c9p-10,
    0x1.a01a019f37fa7p-16,
    -0x1.27e4fa0294bd1p-22,
    0x1.1eeb578302a2ep-29,
    -0x1.90734d02b1b47p-37}; // relative error below 2^-54
// asin(x) = x + x z A(z), |x| <= 1/2
inline constexpr double kAsinF32[] = {
    0x1.55555ep-3,
    0x1.332684p-4,
    0x1.70c00ep-5,
    0x1.b1d57ap-6,
    0x1.39379ep-5}; // relative error below 2^-21
inline constexpr double kAsinF64[] = {
    0x1.555555555554ep-3,
    0x1.3333333337269p-4,
    0x1.6db6db67f1612p-5,
    0x1.f1c71fc03ce43p-6,
    0x1.6e8b25e014fep-6,
    0x1.1c59a07163e01p-6,
    0x1.c86948fe0ee2cp-7,
    0x1.8567416c7a83cp-7,
    0x1.fccbd3d93e5cp-8,
    0x1.08a85a539406p-6,
    -0x1.66c56113f5e3p-7,
    0x1.cfeb6b627c8f3p-6}; // relative error below 2^-49
// atan(x) = x + x z A(z), |x| <= tan(pi/8)
inline constexpr double kAtanF32[] = {
    -0x1.555554p-2,
    0x1.99970ap-3,
    -0x1.241d44p-3,
    0x1.b7e522p-4,
    -0x1.07daf6p-4}; // relative error below 2^-24
inline constexpr double kAtanF64[] = {
    -0x1.5555555555555p-2,
    0x1.999999999942ap-3,
    -0x1.249249243d6b8p-3,
    0x1.c71c7188b437p-4,
    -0x1.745d0b9b37c6p-4,
    0x1.3b126bdb3c47fp-4,
    -0x1.10fae454c15p-4,
    0x1.dfecd9c3509dbp-5,
    -0x1.a0b89fd35f146p-5,
    0x1.41b489d54a8ebp-5,
    -0x1.3aea268dd0266p-6}; // relative error below 2^-53
// erf(x) = x + x E(z), |x| <= 1
inline constexpr double kErfF32[] = {
    0x1.06eba8p-3,
    -0x1.81274p-2,
    0x1.ce2d52p-4,
    -0x1.b7fec4p-6,
    0x1.542fecp-8,
    -0x1.a5197ap-11,
    0x1.4c5cb2p-14}; // absolute error below 2^-29
inline constexpr double kErfF64[] = {
    0x1.06eba8214db69p-3,
    -0x1.812746b0379fdp-2,
    0x1.ce2f21a04362dp-4,
    -0x1.b82ce312abf03p-6,
    0x1.565bcd1299007p-8,
    -0x1.c02db49b01882p-11,
    0x1.f9a335375a61dp-14,
    -0x1.f4d3336b97c27p-17,
    0x1.b9ee93d075b6fp-20,
    -0x1.5f98182f5cbefp-23,
    0x1.fc7803dfd7b9dp-27,
    -0x1.4676a764f5b84p-30,
    0x1.29705f98b066p-34}; // absolute error below 2^-56
// erfc(x) = E(x - 2.5), 1 <= x <= 4
inline constexpr double kErfcMidF32[] = {
    0x1.aab86cp-12,
    -0x1.1d82eep-9,
    0x1.64e392p-8,
    -0x1.119e8p-7,
    0x1.1a8b56p-7,
    -0x1.90dcf8p-8,
    0x1.6eb224p-9,
    -0x1.1d5ee2p-11,
    -0x1.0f779p-12,
    0x1.09714p-12,
    -0x1.53ab48p-14,
    -0x1.fc99e2p-18,
    0x1.0705ccp-16,
    -0x1.d875eep-19,
    -0x1.dabe6cp-21,
    0x1.8126e2p-22}; // absolute error below 2^-30
// erfc(a) = e^(-a^2) G(t) / (1 + 2a), t = (a-2)/(a+2), 0.5 <= a <= 28
inline constexpr double kErfcF32[] = {
    0x1.46e80ep0,
    -0x1.7bf5eap-4,
    -0x1.54078ap-3,
    0x1.4ff9e6p-3,
    -0x1.bc3724p-5,
    -0x1.070b2ap-7,
    0x1.1ede4cp-7,
    0x1.41fd04p-10,
    -0x1.930aa8p-10,
    -0x1.56ef3cp-12,
    0x1.241e86p-12}; // relative error below 2^-27
inline constexpr double kErfcF64[] = {
    0x1.46e80e2277953p0,
    -0x1.7bf5ec1700586p-4,
    -0x1.5407bebf322a8p-3,
    0x1.4ffa1e14df3bbp-3,
    -0x1.bc2b9561a3672p-5,
    -0x1.074233fb4bc97p-7,
    0x1.1dd2ec8f46e4p-7,
    0x1.4d4617385614p-10,
    -0x1.7de51d540dba5p-10,
    -0x1.dc682703ebfdfp-12,
    0x1.b0c698a9fa235p-13,
    0x1.3cb2e2251b0fp-13,
    -0x1.8d0a923836b8cp-20,
    -0x1.30b2404267563p-15,
    -0x1.c9bb9c36e3281p-17,
    0x1.d2e5f7f276b41p-19,
    0x1.7ae716b5de7b8p-18,
    0x1.dd135b4fef3f6p-20,
    -0x1.70b47f8df6f59p-20,
    -0x1.f1e0cf037547p-21,
    0x1.2c281d238eacep-22,
    0x1.7f73c42bd8e66p-24}; // relative error below 2^-52
// Constants in two parts; index 0 for f32, 1 for f64.
inline constexpr double kLn2Hi[] = {0x1.62e4p-1, 0x1.62e42ffp-1};
inline constexpr double kLn2Lo[] = {0x1.7f7d1cp-20,
    -0x1.718432a1b0e26p-35};
inline constexpr double kLog2EHi[] = {0x1.715476p0, 0x1.71547652b82fep0};
inline constexpr double kLog2ELo[] = {0x1.4ae0cp-26,
    0x1.777d0ffda0d24p-56};
inline constexpr double kInvLn2Hi[] = {0x1.716p0, 0x1.7154768p0};
inline constexpr double kInvLn2Lo[] = {-0x1.7135a8p-13,
    -0x1.6a3e80f444178p-27};
inline constexpr double kInvLn10Hi[] = {0x1.bccp-2, 0x1.bcb7b18p-2};
inline constexpr double kInvLn10Lo[] = {-0x1.09d5b2p-15,
    -0x1.6c8d78e6acaa4p-29};
inline constexpr double kLog10Of2Hi[] = {0x1.344p-2, 0x1.3441350ap-2};
inline constexpr double kLog10Of2Lo[] = {0x1.3509f8p-18,
    -0x1.0c0219dc1da99p-39};
inline constexpr double kPiHi[] = {0x1.921fb6p1, 0x1.921fb54442d18p1};
inline constexpr double kPiLo[] = {-0x1.777a5cp-24,
    0x1.1a62633145c07p-53};
inline constexpr double kPiOver2Hi[] = {0x1.921fb6p0, 0x1.921fb54442d18p0};
inline constexpr double kPiOver2Lo[] = {-0x1.777a5cp-25,
    0x1.1a62633145c07p-54};
inline constexpr double kPiOver4Hi[] = {0x1.921fb6p-1, 0x1.921fb54442d18p-1};
inline constexpr double kPiOver4Lo[] = {-0x1.777a5cp-26,
    0x1.1a62633145c07p-55};
// 2/3 in full precision and the rest
inline constexpr double kTwoThirdsHi[] = {0x1.555556p-1, 0x1.5555555555555p-1};
inline constexpr double kTwoThirdsLo[] = {-0x1.555556p-26,
    0x1.5555555555555p-55};
// pi/2 in parts so short that a product with the quadrant number is exact
inline constexpr double kPiOver2PartsF32[] = {0x1.9218p0,
    0x1.ed5p-14,
    0x1.10bp-30,
    0x1.184698p-44};
inline constexpr double kPiOver2PartsF64[] = {0x1.921fb544p0,
    0x1.0b4611a6p-34,
    0x1.3198a2ep-69,
    0x1.b839a252049c1p-104};
// 2/pi after two limbs of zeros, most significant limb first: 16 bits a limb for f32, 32 for f64
inline constexpr uint32_t kTwoOverPiF32[] = {0u, 0u, 41721u, 33646u, 20036u, 5417u, 
    64551u, 22481u, 62772u, 56768u, 56162u, 38297u, 
    15427u, 36929u, 65105u, 25515u, 57019u, 50529u};
inline constexpr uint32_t kTwoOverPiF64[] = {0u, 0u, 2734261102u, 1313084713u, 4230436817u, 4113882560u, 
    3680671129u, 1011060801u, 4266746795u, 3736847713u, 3072618042u, 1112396512u, 
    105459434u, 164729372u, 4263373596u, 2972297022u, 3900847605u, 784024708u, 
    3919343654u, 3026157121u, 965858873u, 2203269620u, 2625920907u, 3187222587u, 
    536385535u, 3724908559u, 4012839307u, 1510632735u, 1832287951u, 667617719u, 
    1330003814u, 2657085997u, 1965537991u, 3957715323u, 1023883767u, 2320667370u, 
    1811636145u, 529358088u, 1443049542u, 4235946923u, 4040145952u, 2599695901u};
} // namespace dlc::libm
