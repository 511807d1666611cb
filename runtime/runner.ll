; The native loop that runs any program: it walks a table of steps, image after image, on as many threads as it is told.
; It does not depend on the network, so that it is compiled once in a process.
;
; Threads share a job, or have one each. Where they share it, all run the same loop: of each step each thread computes its
; own part, and a barrier follows where the next step needs one. Where each has its own, with a table of its own, they meet
; at the end. Whatever a thread's floating-point arithmetic is set to (a library built with -ffast-math has denormals
; flushed in the thread that loads it), in the loop it is IEEE's default, and after it what it was.
;
; Images come in tiles, steps in segments: a segment's steps run for each image of the tile in turn, or once for all of
; them. Positions count steps, as if every tile were full: step s of segment g for image i of tile t is at
; t * (length of a tile) + (start of g) + i * (steps of g) + s.

%step = type { ptr, ptr, i64 }         ; kernel, its arguments, whether a barrier follows
%segment = type { i64, i64, i64 }      ; first step, how many, whether they run for each image
%binding = type { ptr, ptr,            ; a word of arguments, a pointer to the pointer to its base,
                  i64, i64, i64, i64 } ; and what is added: bytes a tile, an image, 1 for the images' number, bytes
%table = type { ptr,                   ; 0 steps
                ptr,                   ; 1 segments
                i64, i64,              ; 2 images of a tile, positions of a tile
                ptr, i64,              ; 4 bindings, how many
                ptr, i64,              ; 6 scratch memory, bytes a thread
               ptr, i64, i64 }        ; 8 pointers to the places of arrays' addresses, how many, bytes into an array
%job = type { ptr, i64, i64, i64,      ; 0 table, position, end, images
              i64, ptr,                ; 4 threads, and their team if there are several
              i64,                     ; 6 bytes from each thread's job to the next one's, 0 where they share this one
              ptr }                    ; 7 the caller's arrays, to which the table's pointers are to lead, or null

; A number on a cache line of its own, so that who waits for it disturbs nobody else.
%line = type { i32, [15 x i32] }
%team = type { %line,                  ; 0 barriers passed
               %line,                  ; 1 threads that have arrived at this one
               %line,                  ; 2 threads asleep, or about to be
               %line,                  ; 3 jobs posted
               ptr,                    ; 4 the job; without a table it ends the workers
               [2 x i32],              ; 5 whether the time of this call is up, for even and odd barriers: a thread
                                       ;   that is slow to look meets no answer from beyond the next barrier
               ptr }                   ; 6 the C library's `syscall`

; Wait until a number is no longer what it was: watch it for a while, since that answers soonest, then sleep.
define internal void @await(ptr %number, i32 %old, ptr %team) nounwind noinline {
entry:
  %sleepers = getelementptr %team, ptr %team, i64 0, i32 2
  %start = call i64 @clock()
  br label %watch
watch:
  %seen = load atomic i32, ptr %number acquire, align 4
  %changed = icmp ne i32 %seen, %old
  br i1 %changed, label %done, label %pause
pause:
  call void @relax()
  %now = call i64 @clock()
  %waited = sub i64 %now, %start
  %long = icmp ugt i64 %waited, 250000
  br i1 %long, label %drowsy, label %watch
drowsy:
  %before = atomicrmw add ptr %sleepers, i32 1 seq_cst
  %call.at = getelementptr %team, ptr %team, i64 0, i32 6
  %syscall = load ptr, ptr %call.at
  br label %sleep
sleep:                                  ; the system looks at the number once more before it lets us sleep
  %call = call i64 @futex()
  %ignored = call i64 (i64, ...) %syscall(i64 %call, ptr %number, i64 128, i32 %old, ptr null, ptr null, i64 0)
  %then = load atomic i32, ptr %number seq_cst, align 4
  %woken = icmp ne i32 %then, %old
  br i1 %woken, label %awake, label %sleep
awake:
  %after = atomicrmw sub ptr %sleepers, i32 1 seq_cst
  br label %done
done:
  ret void
}

; Change a number that others wait for.
define internal void @advance(ptr %number, ptr %team) nounwind noinline {
entry:
  %old = atomicrmw add ptr %number, i32 1 seq_cst
  %sleepers = getelementptr %team, ptr %team, i64 0, i32 2
  %asleep = load atomic i32, ptr %sleepers seq_cst, align 4
  %some = icmp ne i32 %asleep, 0
  br i1 %some, label %wake, label %done
wake:
  %call.at = getelementptr %team, ptr %team, i64 0, i32 6
  %syscall = load ptr, ptr %call.at
  %call = call i64 @futex()
  %ignored = call i64 (i64, ...) %syscall(i64 %call, ptr %number, i64 129, i32 2147483647, ptr null, ptr null, i64 0)
  br label %done
done:
  ret void
}

; Nobody leaves before all have come: the last to arrive opens the next barrier.
define internal void @barrier(ptr %team, i64 %threads) nounwind noinline {
entry:
  %alone = icmp eq i64 %threads, 1
  br i1 %alone, label %done, label %arrive
arrive:
  %arrived = getelementptr %team, ptr %team, i64 0, i32 1
  %round = load atomic i32, ptr %team acquire, align 4
  %before = atomicrmw add ptr %arrived, i32 1 acq_rel
  %others = trunc i64 %threads to i32
  %rest = sub i32 %others, 1
  %last = icmp eq i32 %before, %rest
  br i1 %last, label %open, label %wait
open:
  store atomic i32 0, ptr %arrived release, align 4
  call void @advance(ptr %team, ptr %team)
  br label %done
wait:
  call void @await(ptr %team, i32 %round, ptr %team)
  br label %done
done:
  ret void
}

; Positions [position, end) as one of the threads. Stops at a barrier when a tenth of a second or so has passed, so that
; Python can look for signals, and gives the position that it came to.
define internal i64 @run(ptr %table, i64 %position, i64 %end, i64 %images, ptr %arrays, i64 %thread, i64 %threads,
    ptr %team) nounwind noinline {
entry:
  %arithmetic = call i64 @settle()
  %start = call i64 @clock()
  %steps = load ptr, ptr %table
  %segments.at = getelementptr %table, ptr %table, i64 0, i32 1
  %segments = load ptr, ptr %segments.at
  %size.at = getelementptr %table, ptr %table, i64 0, i32 2
  %size = load i64, ptr %size.at
  %length.at = getelementptr %table, ptr %table, i64 0, i32 3
  %length = load i64, ptr %length.at
  %bindings.at = getelementptr %table, ptr %table, i64 0, i32 4
  %bindings = load ptr, ptr %bindings.at
  %bound.at = getelementptr %table, ptr %table, i64 0, i32 5
  %bound = load i64, ptr %bound.at
  %scratch.at = getelementptr %table, ptr %table, i64 0, i32 6
  %scratch.all = load ptr, ptr %scratch.at
  %pitch.at = getelementptr %table, ptr %table, i64 0, i32 7
  %pitch = load i64, ptr %pitch.at
  %scratch.offset = mul i64 %thread, %pitch
  %scratch = getelementptr i8, ptr %scratch.all, i64 %scratch.offset
  %first = icmp eq i64 %thread, 0
  %given = icmp ne ptr %arrays, null
  br i1 %given, label %find, label %begin
find:                                   ; where each array says that its numbers are
  %pointers.at = getelementptr %table, ptr %table, i64 0, i32 8
  %pointers = load ptr, ptr %pointers.at
  %ports.at = getelementptr %table, ptr %table, i64 0, i32 9
  %ports = load i64, ptr %ports.at
  %head.at = getelementptr %table, ptr %table, i64 0, i32 10
  %head = load i64, ptr %head.at
  br label %each.port
each.port:
  %port = phi i64 [ 0, %find ], [ %port.next, %point ]
  %more.ports = icmp ult i64 %port, %ports
  br i1 %more.ports, label %point, label %begin
point:
  %array.at = getelementptr ptr, ptr %arrays, i64 %port
  %array = load ptr, ptr %array.at
  %place = getelementptr i8, ptr %array, i64 %head
  %pointer = getelementptr ptr, ptr %pointers, i64 %port
  store ptr %place, ptr %pointer
  %port.next = add i64 %port, 1
  br label %each.port
begin:
  br label %locate

locate:                                 ; which tile a position is in, and how many images that has
  %p = phi i64 [ %position, %begin ], [ %passed, %skip ], [ %at.next, %next ]
  %over = icmp sge i64 %p, %end
  br i1 %over, label %nothing.left, label %in.tile
nothing.left:                           ; perhaps no step was run: without a barrier, who is slow would miss the job
  call void @barrier(ptr %team, i64 %threads)
  br label %leave
in.tile:
  %tile = udiv i64 %p, %length
  %tile.start = mul i64 %tile, %length
  %within = sub i64 %p, %tile.start
  %before = mul i64 %tile, %size
  %left = sub i64 %images, %before
  %full = icmp slt i64 %size, %left
  %many = select i1 %full, i64 %size, i64 %left
  br label %each.segment
each.segment:
  %g = phi i64 [ 0, %in.tile ], [ %g.next, %next.segment ]
  %g.start = phi i64 [ 0, %in.tile ], [ %g.end, %next.segment ]
  %segment = getelementptr %segment, ptr %segments, i64 %g
  %count.at = getelementptr %segment, ptr %segment, i64 0, i32 1
  %count = load i64, ptr %count.at
  %each.at = getelementptr %segment, ptr %segment, i64 0, i32 2
  %each.word = load i64, ptr %each.at
  %each = icmp ne i64 %each.word, 0
  %rounds = select i1 %each, i64 %size, i64 1
  %g.length = mul i64 %count, %rounds
  %g.end = add i64 %g.start, %g.length
  %here = icmp slt i64 %within, %g.end
  br i1 %here, label %in.segment, label %next.segment
next.segment:
  %g.next = add i64 %g, 1
  br label %each.segment
in.segment:
  %offset = sub i64 %within, %g.start
  %image = udiv i64 %offset, %count
  %image.start = mul i64 %image, %count
  %s.first = sub i64 %offset, %image.start
  %exists = icmp slt i64 %image, %many
  br i1 %exists, label %bind.all, label %skip
skip:                                   ; a tile that is not full ends early
  %passed = add i64 %tile.start, %g.end
  br label %locate

bind.all:                               ; the first thread says where this image's numbers lie
  br i1 %first, label %each.binding, label %all.bound
each.binding:
  %b = phi i64 [ 0, %bind.all ], [ %b.next, %bind ]
  %more.bindings = icmp ult i64 %b, %bound
  br i1 %more.bindings, label %bind, label %all.bound
bind:
  %binding = getelementptr %binding, ptr %bindings, i64 %b
  %word = load ptr, ptr %binding
  %base.at = getelementptr %binding, ptr %binding, i64 0, i32 1
  %base.note = load ptr, ptr %base.at
  %base.place = load ptr, ptr %base.note
  %base = load i64, ptr %base.place
  %tile.pitch.at = getelementptr %binding, ptr %binding, i64 0, i32 2
  %tile.pitch = load i64, ptr %tile.pitch.at
  %image.pitch.at = getelementptr %binding, ptr %binding, i64 0, i32 3
  %image.pitch = load i64, ptr %image.pitch.at
  %counts.at = getelementptr %binding, ptr %binding, i64 0, i32 4
  %counts = load i64, ptr %counts.at
  %further.at = getelementptr %binding, ptr %binding, i64 0, i32 5
  %further = load i64, ptr %further.at
  %by.tile = mul i64 %tile, %tile.pitch
  %by.image = mul i64 %image, %image.pitch
  %by.count = mul i64 %many, %counts
  %sum.0 = add i64 %base, %by.tile
  %sum.1 = add i64 %sum.0, %by.image
  %sum.2 = add i64 %sum.1, %by.count
  %sum = add i64 %sum.2, %further
  store i64 %sum, ptr %word
  %b.next = add i64 %b, 1
  br label %each.binding
all.bound:
  call void @barrier(ptr %team, i64 %threads)
  %base.step = load i64, ptr %segment
  br label %each.step

each.step:
  %at = phi i64 [ %p, %all.bound ], [ %at.next, %each.step ], [ %at.next, %more ]
  %s = phi i64 [ %s.first, %all.bound ], [ %s.next, %each.step ], [ %s.next, %more ]
  %number = add i64 %base.step, %s
  %step = getelementptr %step, ptr %steps, i64 %number
  %kernel = load ptr, ptr %step
  %arguments.at = getelementptr %step, ptr %step, i64 0, i32 1
  %arguments = load ptr, ptr %arguments.at
  call void %kernel(ptr %arguments, i64 %thread, i64 %threads, ptr %scratch)
  %at.next = add i64 %at, 1
  %s.next = add i64 %s, 1
  %finished = icmp sge i64 %at.next, %end
  %barrier.at = getelementptr %step, ptr %step, i64 0, i32 2
  %barrier.word = load i64, ptr %barrier.at
  %barrier = icmp ne i64 %barrier.word, 0
  %waits = or i1 %barrier, %finished
  br i1 %waits, label %wait, label %each.step
wait:
  %round = load atomic i32, ptr %team monotonic, align 4
  %parity = and i32 %round, 1
  %stop = getelementptr %team, ptr %team, i64 0, i32 5, i32 %parity
  br i1 %first, label %look, label %meet
look:                                   ; the first thread's clock counts
  %now = call i64 @clock()
  %ran = sub i64 %now, %start
  %late = icmp ugt i64 %ran, 250000000
  %late.flag = zext i1 %late to i32
  store atomic i32 %late.flag, ptr %stop monotonic, align 4
  br label %meet
meet:
  call void @barrier(ptr %team, i64 %threads)
  %flag = load atomic i32, ptr %stop monotonic, align 4
  %stopped = icmp ne i32 %flag, 0
  %done = or i1 %stopped, %finished
  br i1 %done, label %leave, label %more
more:
  %image.done = icmp eq i64 %s.next, %count
  br i1 %image.done, label %next, label %each.step
next:
  br label %locate
leave:
  %reached = phi i64 [ %p, %nothing.left ], [ %at.next, %meet ]
  call void @restore(i64 %arithmetic)
  ret i64 %reached
}

; Do one thread's share of a job, whose position goes to where the thread came.
define internal void @partake(ptr %job, i64 %thread) nounwind {
entry:
  %own = alloca %team                   ; of one, without a worker
  %threads.at = getelementptr %job, ptr %job, i64 0, i32 4
  %threads = load i64, ptr %threads.at
  %team.at = getelementptr %job, ptr %job, i64 0, i32 5
  %team = load ptr, ptr %team.at
  %step.at = getelementptr %job, ptr %job, i64 0, i32 6
  %step = load i64, ptr %step.at
  %offset = mul i64 %thread, %step
  %mine = getelementptr i8, ptr %job, i64 %offset
  %table = load ptr, ptr %mine
  %position.at = getelementptr %job, ptr %mine, i64 0, i32 1
  %position = load i64, ptr %position.at
  %end.at = getelementptr %job, ptr %mine, i64 0, i32 2
  %end = load i64, ptr %end.at
  %images.at = getelementptr %job, ptr %mine, i64 0, i32 3
  %images = load i64, ptr %images.at
  %arrays.at = getelementptr %job, ptr %mine, i64 0, i32 7
  %arrays = load ptr, ptr %arrays.at
  %one = icmp eq i64 %threads, 1
  %each = icmp ne i64 %step, 0
  %alone = or i1 %one, %each
  br i1 %alone, label %by.itself, label %shared
by.itself:
  store i32 0, ptr %own
  %came = call i64 @run(ptr %table, i64 %position, i64 %end, i64 %images, ptr %arrays, i64 0, i64 1,
      ptr %own)
  store i64 %came, ptr %position.at
  call void @barrier(ptr %team, i64 %threads)
  ret void
shared:                                 ; after its first barrier all have read the job, after its last it may change
  %reached = call i64 @run(ptr %table, i64 %position, i64 %end, i64 %images, ptr null, i64 %thread,
      i64 %threads, ptr %team)
  %first = icmp eq i64 %thread, 0
  br i1 %first, label %note, label %done
note:
  store i64 %reached, ptr %position.at
  br label %done
done:
  ret void
}

; What the caller's thread does: post a job to the others, and take part in it. One pointer is all that it is told, since
; every argument of a call from Python takes its time. Gives how many jobs are not at their end yet.
define i64 @lead(ptr %job) nounwind {
entry:
  %threads.at = getelementptr %job, ptr %job, i64 0, i32 4
  %threads = load i64, ptr %threads.at
  %alone = icmp eq i64 %threads, 1
  br i1 %alone, label %take.part, label %post
post:
  %team.at = getelementptr %job, ptr %job, i64 0, i32 5
  %team = load ptr, ptr %team.at
  %job.at = getelementptr %team, ptr %team, i64 0, i32 4
  store ptr %job, ptr %job.at
  %table = load ptr, ptr %job
  %jobs = getelementptr %team, ptr %team, i64 0, i32 3
  call void @advance(ptr %jobs, ptr %team)
  %none = icmp eq ptr %table, null
  br i1 %none, label %over, label %take.part
over:
  ret i64 0
take.part:
  call void @partake(ptr %job, i64 0)
  %step.at = getelementptr %job, ptr %job, i64 0, i32 6
  %step = load i64, ptr %step.at
  %shared = icmp eq i64 %step, 0
  %count = select i1 %shared, i64 1, i64 %threads
  br label %count.left
count.left:
  %k = phi i64 [ 0, %take.part ], [ %k.next, %count.left ]
  %left = phi i64 [ 0, %take.part ], [ %left.next, %count.left ]
  %offset = mul i64 %k, %step
  %each = getelementptr i8, ptr %job, i64 %offset
  %position.at = getelementptr %job, ptr %each, i64 0, i32 1
  %position = load i64, ptr %position.at
  %end.at = getelementptr %job, ptr %each, i64 0, i32 2
  %end = load i64, ptr %end.at
  %unfinished = icmp slt i64 %position, %end
  %one = zext i1 %unfinished to i64
  %left.next = add i64 %left, %one
  %k.next = add i64 %k, 1
  %more = icmp slt i64 %k.next, %count
  br i1 %more, label %count.left, label %done
done:
  ret i64 %left.next
}

; What a worker does: wait for jobs, take part in them, and end with the one that has no table.
define void @work(ptr %team, i64 %thread) nounwind {
entry:
  %jobs = getelementptr %team, ptr %team, i64 0, i32 3
  %job.at = getelementptr %team, ptr %team, i64 0, i32 4
  br label %next
next:
  %done = phi i32 [ 0, %entry ], [ %number, %take.part ]
  call void @await(ptr %jobs, i32 %done, ptr %team)
  %number = add i32 %done, 1
  %job = load ptr, ptr %job.at
  %table = load ptr, ptr %job
  %none = icmp eq ptr %table, null
  br i1 %none, label %leave, label %take.part
take.part:
  call void @partake(ptr %job, i64 %thread)
  br label %next
leave:
  ret void
}
