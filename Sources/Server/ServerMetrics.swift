import Foundation

/// All that a server counts of itself.
final class ServerMetrics: Sendable {
    static let stages = ["queue", "decode", "encode", "user", "coarse", "fine", "score", "write"]

    let requests = CounterFamily(
        "hindsight_http_requests_total", "Requests answered, by route and status.", labels: ["route", "status"])
    let latency = HistogramFamily(
        "hindsight_http_request_duration_seconds", "From a request's head to its answer, by route.", label: "route")
    let stageTime = HistogramFamily(
        "hindsight_stage_duration_seconds", "Time a request spends in each stage.", label: "stage", start: stages)
    let shed = CounterFamily(
        "hindsight_requests_shed_total", "Requests refused because the server was short of something, by reason.",
        labels: ["reason"],
        start: APIError.Code.allCases.filter(\.isShed).map { [$0.rawValue] })
    let refused = CounterFamily(
        "hindsight_requests_refused_total", "Requests refused for what they were, by code.", labels: ["code"])
    let rankedItems = CounterFamily("hindsight_ranked_items_total", "Items in answers to /v1/rank.")
    let scoredCandidates = CounterFamily("hindsight_scored_candidates_total", "Candidates scored for /v1/score and infer.")
    let candidateIDs = CounterFamily("hindsight_candidate_ids_total", "Candidate ids that requests named.")
    let unknownCandidates = CounterFamily(
        "hindsight_unknown_candidate_ids_total", "Candidate ids that the index does not have.")
    let entities = CounterFamily(
        "hindsight_encoded_requests_total", "Users whose features were encoded: what unknown values are a share of.")
    let unknownValues = CounterFamily(
        "hindsight_unknown_values_total", "Values that the model has never seen and that took the fallback row, by feature.",
        labels: ["feature"])
    let loads = CounterFamily(
        "hindsight_model_loads_total", "Packages loaded while serving, by result.", labels: ["result"],
        start: [["loaded"], ["refused"], ["rolled_back"]])
    let scores = HistogramFamily(
        "hindsight_score", "Probabilities in answers, the items' of a ranking and the candidates' of a score.",
        bounds: (1..<20).map { Double($0) / 20 } + [1])
    /// Of items in rankings, and of candidates that clients had scored.
    let rankDrift = ScoreDrift()
    let scoreDrift = ScoreDrift()
    let recent = RecentLatency()
    let started = Date()

    /// What is known only when it is asked for.
    struct Snapshot {
        var modelName: String
        var version: String
        var previousVersion: String?
        var items: Int
        var loadedAt: Date
        var waiting: Int
        var running: Int
        var workers: Int
        var queueLimit: Int
        var isReady: Bool
    }

    func text(_ now: Snapshot) -> String {
        var text = PrometheusText()
        requests.write(to: &text)
        latency.write(to: &text)
        stageTime.write(to: &text)
        for family in [
            shed, refused, rankedItems, scoredCandidates, candidateIDs, unknownCandidates, entities, unknownValues, loads,
        ] {
            family.write(to: &text)
        }
        scores.write(to: &text)
        writeDrift(to: &text)
        text.gauge("hindsight_requests_waiting", "Requests in the queue.", Double(now.waiting))
        text.gauge("hindsight_requests_running", "Requests being decoded or scored.", Double(now.running))
        text.gauge("hindsight_queue_limit", "Requests that may wait.", Double(now.queueLimit))
        text.gauge("hindsight_workers", "Threads that decode and score.", Double(now.workers))
        text.gauge("hindsight_ready", "1 when the server takes requests, 0 while it drains.", now.isReady ? 1 : 0)
        text.begin("hindsight_model_info", "The version that serves, and the one that can be gone back to.", "gauge")
        text.sample("hindsight_model_info", [("model", now.modelName), ("role", "current"), ("version", now.version)], 1)
        if let previous = now.previousVersion {
            text.sample("hindsight_model_info", [("model", now.modelName), ("role", "previous"), ("version", previous)], 1)
        }
        text.gauge("hindsight_model_items", "Items that can be ranked.", Double(now.items))
        text.gauge(
            "hindsight_model_loaded_timestamp_seconds", "When this version began to serve.", now.loadedAt.timeIntervalSince1970)
        text.gauge("process_start_time_seconds", "When the process started.", started.timeIntervalSince1970)
        if let resident = Self.residentBytes {
            text.gauge("process_resident_memory_bytes", "Resident memory.", resident)
        }
        return text.text
    }

    /// A package that brings no distribution has no sample of `reference="package"`.
    private func writeDrift(to text: inout PrometheusText) {
        let reports = [("rank", rankDrift.report), ("score", scoreDrift.report)]
        text.begin(
            "hindsight_score_drift_psi",
            "Population stability index of scores against the package's and this version's first ones; NaN until a window is full.",
            "gauge")
        for (source, report) in reports {
            if report.packageSource != nil {
                text.sample(
                    "hindsight_score_drift_psi", [("source", source), ("reference", "package")], report.packageIndex ?? .nan)
            }
            text.sample("hindsight_score_drift_psi", [("source", source), ("reference", "first")], report.firstIndex ?? .nan)
        }
        text.begin("hindsight_score_mean", "Mean of the newest scores of this version.", "gauge")
        for (source, report) in reports { text.sample("hindsight_score_mean", [("source", source)], report.mean ?? .nan) }
    }

    private static var residentBytes: Double? {
        guard let status = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        let fields = status.split(separator: " ")
        return fields.count > 1 ? Double(fields[1]).map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) } : nil
    }
}
