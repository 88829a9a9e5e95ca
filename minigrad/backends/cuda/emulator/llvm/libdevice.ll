; Functions of libdevice that neither LLVM nor the host's libm has. Only what a kernel calls is kept of them.

define linkonce_odr i32 @__nv_isnand(double %x) { %c = fcmp uno double %x, 0.0 %r = zext i1 %c to i32 ret i32 %r }
define linkonce_odr i32 @__nv_isnanf(float %x) { %c = fcmp uno float %x, 0.0 %r = zext i1 %c to i32 ret i32 %r }
define linkonce_odr i32 @__nv_isinfd(double %x) {
  %a = call double @llvm.fabs.f64(double %x) %c = fcmp oeq double %a, 0x7FF0000000000000
  %r = zext i1 %c to i32 ret i32 %r }
define linkonce_odr i32 @__nv_isinff(float %x) {
  %a = call float @llvm.fabs.f32(float %x) %c = fcmp oeq float %a, 0x7FF0000000000000
  %r = zext i1 %c to i32 ret i32 %r }
define linkonce_odr i32 @__nv_isfinited(double %x) {
  %a = call double @llvm.fabs.f64(double %x) %c = fcmp one double %a, 0x7FF0000000000000
  %r = zext i1 %c to i32 ret i32 %r }
define linkonce_odr i32 @__nv_finitef(float %x) {
  %a = call float @llvm.fabs.f32(float %x) %c = fcmp one float %a, 0x7FF0000000000000
  %r = zext i1 %c to i32 ret i32 %r }
define linkonce_odr double @__nv_rsqrt(double %x) {
  %s = call double @llvm.sqrt.f64(double %x) %r = fdiv double 1.0, %s ret double %r }
define linkonce_odr float @__nv_rsqrtf(float %x) {
  %s = call float @llvm.sqrt.f32(float %x) %r = fdiv float 1.0, %s ret float %r }
define linkonce_odr i64 @__nv_llrint(double %x) {
  %a = call double @llvm.rint.f64(double %x) %r = fptosi double %a to i64 ret i64 %r }
define linkonce_odr i64 @__nv_llrintf(float %x) {
  %a = call float @llvm.rint.f32(float %x) %r = fptosi float %a to i64 ret i64 %r }
define linkonce_odr i32 @__nv_abs(i32 %x) { %r = call i32 @llvm.abs.i32(i32 %x, i1 false) ret i32 %r }
define linkonce_odr i64 @__nv_llabs(i64 %x) { %r = call i64 @llvm.abs.i64(i64 %x, i1 false) ret i64 %r }
define linkonce_odr i32 @__nv_umulhi(i32 %x, i32 %y) {
  %a = zext i32 %x to i64 %b = zext i32 %y to i64 %p = mul i64 %a, %b
  %h = lshr i64 %p, 32 %r = trunc i64 %h to i32 ret i32 %r }
define linkonce_odr i64 @__nv_umul64hi(i64 %x, i64 %y) {
  %a = zext i64 %x to i128 %b = zext i64 %y to i128 %p = mul i128 %a, %b
  %h = lshr i128 %p, 64 %r = trunc i128 %h to i64 ret i64 %r }
declare double @llvm.rint.f64(double)
declare float @llvm.rint.f32(float)
declare double @llvm.fabs.f64(double)
declare float @llvm.fabs.f32(float)
declare double @llvm.sqrt.f64(double)
declare float @llvm.sqrt.f32(float)
declare i32 @llvm.abs.i32(i32, i1)
declare i64 @llvm.abs.i64(i64, i1)
