import Schema

/// The paper's figures (Xu et al., KDD 2020, Tables 2 and 4 to 8), to stand beside ours.
enum PaperTables {
    struct Pair: Equatable {
        var student: Double
        var teacher: Double?
        init(_ student: Double, _ teacher: Double?) {
            self.student = student
            self.teacher = teacher
        }
    }

    /// Table 2, 1 day; Table 4, 30 days.
    static func methods(_ task: RankingTask) -> [Method: Pair] {
        switch task {
        case .ctr:
            [
                .baseline: Pair(0.6625, nil), .lupi: Pair(0.6637, 0.6687), .md: Pair(0.6704, 0.6892),
                .pfd: Pair(0.6712, 0.6921), .pfdMD: Pair(0.6745, 0.7110),
            ]
        case .cvr:
            [
                .baseline: Pair(0.9040, nil), .mtl: Pair(0.9045, nil), .lupi: Pair(0.8965, 0.9651),
                .md: Pair(0.9052, 0.9058), .pfd: Pair(0.9084, 0.9901), .pfdMD: Pair(0.9082, 0.9911),
            ]
        }
    }

    /// Table 2, 10 days; Table 4, 60 days.
    static func moreData(_ task: RankingTask) -> [Method: Pair] {
        switch task {
        case .ctr: [.baseline: Pair(0.7042, nil), .pfdMD: Pair(0.7160, 0.7411)]
        case .cvr:
            [
                .baseline: Pair(0.9082, nil), .mtl: Pair(0.9077, nil), .lupi: Pair(0.9003, 0.9659),
                .md: Pair(0.9093, 0.9103), .pfd: Pair(0.9135, 0.9923), .pfdMD: Pair(0.9138, 0.9929),
            ]
        }
    }

    /// Tables 5 and 6: students' AUC at these values of lambda.
    static let lambdas = [0.1, 0.3, 0.5, 0.7, 0.9]
    static func lambda(_ task: RankingTask) -> [Method: [Double]] {
        switch task {
        case .ctr:
            [
                .lupi: [0.6648, 0.6640, 0.6637, 0.6631, 0.6624], .md: [0.6695, 0.6697, 0.6704, 0.6706, 0.6700],
                .pfd: [0.6711, 0.6709, 0.6712, 0.6700, 0.6696], .pfdMD: [0.6741, 0.6740, 0.6745, 0.6747, 0.6739],
            ]
        case .cvr:
            [
                .lupi: [0.9024, 0.8998, 0.8965, 0.8876, 0.8613], .md: [0.9047, 0.9054, 0.9052, 0.9050, 0.9049],
                .pfd: [0.9081, 0.9082, 0.9084, 0.9082, 0.9082], .pfdMD: [0.9081, 0.9085, 0.9082, 0.9083, 0.9080],
            ]
        }
    }

    struct Manner {
        var pair: Pair
        /// Wall-clock over the baseline's, less 1.
        var relative: Double
    }

    /// Tables 7 and 8: training manners of PFD+MD (and, for CVR, of PFD).
    static func manner(_ task: RankingTask, _ arm: Arm) -> Manner? {
        switch (task, arm.method, arm.manner) {
        case (.ctr, .baseline, _): Manner(pair: Pair(0.6625, nil), relative: 0)
        case (.ctr, .pfdMD, .independentAsynchronous?): Manner(pair: Pair(0.6751, 0.7112), relative: 0.995)
        case (.ctr, .pfdMD, .independentSynchronous?): Manner(pair: Pair(0.6748, 0.7112), relative: 0.55)
        case (.ctr, .pfdMD, .shared?): Manner(pair: Pair(0.6717, 0.7108), relative: 0.029)
        case (.ctr, .pfdMD, .sharedExcept?): Manner(pair: Pair(0.6745, 0.7110), relative: 0.114)
        case (.cvr, .baseline, _): Manner(pair: Pair(0.9040, nil), relative: 0)
        case (.cvr, .pfdMD, .independentAsynchronous?): Manner(pair: Pair(0.9067, 0.9887), relative: 1.197)
        case (.cvr, .pfdMD, .independentSynchronous?): Manner(pair: Pair(0.9069, 0.9887), relative: 0.674)
        case (.cvr, .pfdMD, .shared?): Manner(pair: Pair(0.9082, 0.9911), relative: 0.225)
        case (.cvr, .pfd, .shared?): Manner(pair: Pair(0.9084, 0.9901), relative: 0.036)
        default: nil
        }
    }
}
