// The cores a thread may use. glibc declares these calls for _GNU_SOURCE only, which Swift does not define.
#pragma once

/// Writes the numbers of the calling thread's cores, at most `limit`, and returns how many; 0 where nobody can say.
int cores_allowed(int *numbers, int limit);
/// Keeps the calling thread, and what it starts from now on, to these cores; 0 where that is not possible.
int cores_use(const int *numbers, int count);
