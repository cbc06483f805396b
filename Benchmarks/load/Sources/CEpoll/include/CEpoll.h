// Linux's epoll and timers, which Swift's Glibc module leaves out.
#pragma once

#include <sys/epoll.h>
#include <sys/timerfd.h>
