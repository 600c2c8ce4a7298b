#pragma once

/// f(arg) below depth + 1 frames that were compiled with -fno-exceptions; *ends counts objects of theirs destroyed.
void call_without_exceptions(void (*f)(void*), void* arg, int depth, int* ends);
