; What the runner asks of an x86-64 with Linux.

declare void @llvm.x86.sse2.pause()
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)

; Tell the CPU that we only wait.
define internal void @relax() nounwind {
  call void @llvm.x86.sse2.pause()
  ret void
}

; The system's number for waiting on an address.
define internal i64 @futex() nounwind {
  ret i64 202
}

; Arithmetic as IEEE 754 has it by default: rounded to nearest, denormals kept, nothing trapped. Gives what was set.
define internal i64 @settle() nounwind {
  %control = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %control)
  %before = load i32, ptr %control
  store i32 8064, ptr %control          ; 0x1F80
  call void @llvm.x86.sse.ldmxcsr(ptr %control)
  %wide = zext i32 %before to i64
  ret i64 %wide
}

; Arithmetic as it was.
define internal void @restore(i64 %wide) nounwind {
  %control = alloca i32
  %before = trunc i64 %wide to i32
  store i32 %before, ptr %control
  call void @llvm.x86.sse.ldmxcsr(ptr %control)
  ret void
}

; A clock that counts about 2.5 times a nanosecond.
declare i64 @llvm.readcyclecounter()

define internal i64 @clock() nounwind {
  %now = call i64 @llvm.readcyclecounter()
  ret i64 %now
}
