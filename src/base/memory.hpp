#pragma once

#include <cstddef>

#include "base/time.hpp"

namespace portcullis::memory {

/// For a program that works on one thread, needs much memory for moments and little in between:
/// one heap for all threads, and what is large lies apart, so that it goes back when it is freed.
/// As the first statement of `main`.
void set_up_heap();

/// Gives free memory of the heap back to the system, if it is much. Milliseconds for a large heap.
/// How many bytes were free.
std::size_t give_back_free_heap();

/// Lets go of the pages of programs and libraries that nobody may write: the start needs many that
/// nobody looks at again, and what is used comes back out of the page cache (a microsecond each).
/// Nothing changes but where they are: a part in which a page was changed all the same, by a
/// debugger for instance, is left alone, and so is all if that cannot be told. Any thread may run
/// meanwhile, also one that loads a library. How many bytes are mapped that way.
std::size_t let_go_of_unchanged_code();

/// That this process has used so far, in all threads.
Duration processor_time();

}  // namespace portcullis::memory
