import Foundation

/// A moment at which a user looks at recommendations.
struct PageView: Sendable {
    /// day << 40 | file << 20 | number within them
    var request: Int64
    /// Within the file's users.
    var shopper: Int
    var time: Int32
    /// Places on the page.
    var shown: Int
}

extension Market {
    /// Seconds since 1970 at which the first day begins: Monday, 5 January 2026, 00:00 UTC.
    static let epoch: Int64 = 1_767_571_200

    /// Impressions of one file on one day: shares of whole numbers that add up to the configured total.
    func impressions(day: Int, file: Int) -> Int {
        func share(_ total: Int, _ part: Int, of parts: Int) -> Int {
            let (quotient, remainder) = total.quotientAndRemainder(dividingBy: parts)
            return quotient + (part < remainder ? 1 : 0)
        }
        let days = configuration.days
        // Days after the last have as many impressions as the last.
        let ofDay = share(configuration.impressions, min(day, days - 1), of: days)
        return share(ofDay, file, of: configuration.fileCount)
    }

    /// First user of a file.
    func users(file: Int) -> Range<Int> {
        let start = file * configuration.usersPerFile
        return start..<min(configuration.userCount, start + configuration.usersPerFile)
    }

    /// The page views of a file's users on one day, in order of time: who by activity, when by the hour.
    func pageViews(day: Int, file: Int, activity: AliasTable) -> [PageView] {
        let impressions = impressions(day: day, file: file)
        let count = (impressions + configuration.page - 1) / configuration.page
        var views: [PageView] = []
        views.reserveCapacity(count)
        for number in 0..<count {
            let request = Int64(day) << 40 | Int64(file) << 20 | Int64(number)
            var stream = RandomStream(configuration.seed, .request, UInt64(request))
            let shopper = activity.sample(&stream)
            // Busiest in the evening: hour ~ 24 (1 - v^2) thinned by the night.
            let hour = 24 * Double(max(stream.uniform(), stream.uniform() * 0.9))
            views.append(
                PageView(
                    request: request, shopper: shopper, time: Int32(day) * 86_400 + Int32(min(86_399, hour * 3_600)),
                    shown: min(configuration.page, impressions - number * configuration.page)))
        }
        views.sort { ($0.time, $0.request) < ($1.time, $1.request) }
        return views
    }

    /// Candidate generation: categories of the last clicks (35 %), of any remembered click (25 %), popular items
    /// (25 %), any item (15 %); each item once.
    func candidates(
        of shopper: Shopper, request: Int64, count: Int, into found: inout [Int32]
    ) {
        found.removeAll(keepingCapacity: true)
        var stream = RandomStream(configuration.seed, .candidates, UInt64(request))
        let history = shopper.history
        var tries = 0
        while found.count < count {
            tries += 1
            let source = stream.uniform()
            let item: Int32
            if tries > 4 * count {
                // A market as small as its candidates: the rest in order.
                item = Int32((tries - 4 * count - 1) % catalogue.items.count)
            } else if source < 0.6, history.count > 0 {
                let reach = source < 0.35 ? min(8, history.count) : history.count
                item = catalogue.popular(in: history[stream.below(reach)].category, &stream)
            } else if source < 0.85 {
                item = catalogue.popular(&stream)
            } else {
                item = catalogue.any(&stream)
            }
            if !found.contains(item) { found.append(item) }
        }
    }

    /// The logging policy: a simple ranker with noise, so that the log explores.
    func policyScores(of candidates: [Int32], for shopper: Shopper, view: PageView, day: Int, into scores: inout [Float]) {
        scores.removeAll(keepingCapacity: true)
        var stream = RandomStream(configuration.seed, .policy, UInt64(view.request))
        let recent = min(10, shopper.history.count)
        let views = catalogue.views[min(day, catalogue.views.count - 1)]
        for candidate in candidates {
            let category = catalogue.items[Int(candidate)].category
            var matches: Float = 0
            for age in 0..<recent where shopper.history[age].category == category { matches += 1 }
            let noise = -log(-log(stream.uniform() + 0x1p-25) + 0x1p-25)
            scores.append(0.3 * log(Float(views[Int(candidate)]) + 1) + 0.35 * min(matches, 3) + noise)
        }
    }
}

/// Positions of the largest scores, best first; ties to the earlier position.
func best(_ count: Int, of scores: [Float], into places: inout [Int]) {
    places.removeAll(keepingCapacity: true)
    for place in scores.indices {
        if places.count == count, scores[places[count - 1]] >= scores[place] { continue }
        var at = places.count
        while at > 0, scores[places[at - 1]] < scores[place] { at -= 1 }
        places.insert(place, at: at)
        if places.count > count { places.removeLast() }
    }
}
