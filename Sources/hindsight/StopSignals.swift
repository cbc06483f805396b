import Foundation
import Synchronization
import Training

/// The flag that the signal handler raises, as its address: all a handler may touch is an atomic.
private let raisedBySignal = Atomic<UInt>(0)

/// While it lives, SIGINT and SIGTERM raise a run's flag, so that it writes a checkpoint and comes back; a
/// second signal ends the process at once, with code 130.
final class StopSignals {
    private let flag: StopFlag

    init(_ flag: StopFlag) {
        self.flag = flag
        raisedBySignal.store(UInt(bitPattern: Unmanaged.passUnretained(flag).toOpaque()), ordering: .sequentiallyConsistent)
        for number in [SIGINT, SIGTERM] { Self.handle(number) { _ in StopSignals.raise() } }
        Self.unblock()
    }

    /// A parent that started this process from a thread with blocked signals (a dispatch queue's) hands its mask on.
    private static func unblock() {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM] { sigaddset(&signals, number) }
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// Leaves signals as a process without handlers has them.
    func cancel() {
        for number in [SIGINT, SIGTERM] { Self.handle(number, SIG_DFL) }
        raisedBySignal.store(0, ordering: .sequentiallyConsistent)
    }

    private static func handle(_ number: Int32, _ handler: (@convention(c) (Int32) -> Void)?) {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = handler
        action.sa_flags = SA_RESTART
        sigaction(number, &action, nil)
    }

    /// Runs in a signal handler: atomics and `_exit` only.
    private static func raise() {
        guard let address = UnsafeRawPointer(bitPattern: raisedBySignal.load(ordering: .sequentiallyConsistent)) else {
            return
        }
        let flag = Unmanaged<StopFlag>.fromOpaque(address).takeUnretainedValue()
        if flag.isRaised { _exit(130) }
        flag.raise()
    }
}
