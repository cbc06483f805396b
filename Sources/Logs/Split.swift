import Schema

/// The parts of the logs.
public enum Split: String, Sendable, CaseIterable, Codable {
    case train, validation, test
}

/// One step in choosing a split's rows from its files.
enum RowFilter: Sendable, Equatable {
    /// Of the rows that come here, those with these numbers.
    case numbers(Range<Int>)
    /// Timestamp >= the bound.
    case from(Double)
    /// Timestamp < the bound.
    case before(Double)
}

/// Which rows of which files make a split.
struct SplitPlan: Sendable {
    var files: [LogFile]
    var filters: [RowFilter]
}

/// Reads a split's rows, chunk by chunk, in file order.
final class SplitReader {
    private let plan: SplitPlan
    private let dataset: Dataset
    private let columns: SchemaColumns
    private var fileNumber = 0
    private var isNewFile = false
    private var reader: (any ChunkReader)?
    /// Rows that have come to each filter.
    private var seen: [Int]

    init(_ dataset: Dataset, _ plan: SplitPlan, columns: SchemaColumns) {
        self.dataset = dataset
        self.plan = plan
        self.columns = columns
        seen = plan.filters.map { _ in 0 }
    }

    /// The next chunk with its rows of this split (never empty), or nil.
    func next() throws -> (Chunk, [Int32])? {
        while true {
            if reader == nil, try !open() { return nil }
            guard let chunk = try reader!.next() else {
                reader = nil
                continue
            }
            let rows = select(chunk)
            if !rows.isEmpty { return (chunk, rows) }
            if isExhausted { return nil }
        }
    }

    /// Opens the next file, passing over those (and over row groups) that hold no row of the split.
    private func open() throws -> Bool {
        while fileNumber < plan.files.count, !isExhausted {
            let file = plan.files[fileNumber]
            fileNumber += 1
            var firstRow = 0
            if case .numbers(let range)? = plan.filters.first {
                if let rows = try dataset.description(of: file).rows, seen[0] + rows <= range.lowerBound {
                    seen[0] += rows
                    continue
                }
                firstRow = max(0, range.lowerBound - seen[0])
            }
            reader = try dataset.open(file, columns: columns.wanted, firstRow: firstRow)
            isNewFile = true
            return true
        }
        return false
    }

    private var isExhausted: Bool {
        for (filter, seen) in zip(plan.filters, seen) {
            if case .numbers(let range) = filter, seen >= range.upperBound { return true }
        }
        return false
    }

    private func select(_ chunk: Chunk) -> [Int32] {
        // A reader that began at a later row group: its rows keep their numbers.
        if case .numbers? = plan.filters.first, isNewFile { seen[0] += chunk.firstRow }
        isNewFile = false
        var rows = (0..<Int32(chunk.count)).map { $0 }
        var times: [Double]?
        for (i, filter) in plan.filters.enumerated() {
            switch filter {
            case .numbers(let range):
                let low = min(rows.count, max(0, range.lowerBound - seen[i]))
                let high = min(rows.count, max(low, range.upperBound - seen[i]))
                seen[i] += rows.count
                if low > 0 || high < rows.count { rows = Array(rows[low..<high]) }
            case .from(let bound):
                let values = times ?? chunk.columns[columns.timestamp!].numbers()
                times = values
                rows = rows.filter { values[Int($0)] >= bound }
            case .before(let bound):
                let values = times ?? chunk.columns[columns.timestamp!].numbers()
                times = values
                // Rows without a time stay here, where the check finds them.
                rows = rows.filter { !(values[Int($0)] >= bound) }
            }
        }
        return rows
    }
}
