import Schema

/// Learns a `FittedEncoder` from the good rows of the training split.
///
/// A table is learnt from the regular features and sequence fields that use it, so that no privileged value decides
/// what a student sees; a table that only privileged features use is learnt from those.
struct EncoderFitter {
    private let columns: SchemaColumns
    private var tables: [Table]

    private struct Table {
        var description: TableDescription
        var uses: [SchemaColumns.Use]
        var counter: ValueCounter?
        var sample: NumberSample?
    }

    init(columns: SchemaColumns, seed: UInt64) {
        self.columns = columns
        tables = columns.schema.tables.enumerated().map { i, description in
            let all = columns.uses.filter { $0.feature.table == description.name }
            let open = all.filter { !$0.isPrivileged }
            var table = Table(description: description, uses: open.isEmpty ? all : open)
            switch description.encoding {
            case .vocabulary(_, let maxSize):
                table.counter = ValueCounter(limit: maxSize.map { max(1 << 20, 8 * $0) } ?? .max)
            case .quantiles: table.sample = NumberSample(seed: StableHash.mix(seed &+ UInt64(i)))
            default: break
            }
            return table
        }
    }

    mutating func observe(_ checked: CheckedChunk) {
        let ranges = checked.ranges
        let runs = runs(checked)
        for i in tables.indices where tables[i].counter != nil || tables[i].sample != nil {
            for use in tables[i].uses {
                let view = checked.chunk.columns[use.column]
                if use.isField {
                    for (row, length) in runs {
                        let start = view.bounds(row).lowerBound
                        observe(i, view.elements!, start..<start + length)
                    }
                } else if use.isList, let elements = view.elements {
                    for range in ranges { for row in range { observe(i, elements, view.bounds(row)) } }
                } else {
                    for range in ranges { observe(i, view, range) }
                }
            }
        }
    }

    private mutating func observe(_ i: Int, _ view: ColumnView, _ range: Range<Int>) {
        guard !range.isEmpty else { return }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: range.count) { out in
            tables[i].counter?.observe(view, range, out.baseAddress!)
            tables[i].sample?.observe(view, range, out.baseAddress!)
        }
    }

    /// The first row of each run of equal sequences, with the events that are used: a request's sequence counts once.
    private func runs(_ checked: CheckedChunk) -> [(row: Int, length: Int)] {
        guard let sequence = columns.schema.sequence, !columns.fields.isEmpty else { return [] }
        let views = columns.fields.map { checked.chunk.columns[$0.column] }
        var result: [(Int, Int)] = []
        var last = -1
        for row32 in checked.rows {
            let row = Int(row32)
            if last < 0 || !views.allSatisfy({ $0.sameElements(last, row) }) {
                result.append((row, min(sequence.length, views[0].bounds(row).count)))
            }
            last = row
        }
        return result
    }

    func finish() -> FittedEncoder {
        FittedEncoder(
            tables: tables.map { table in
                var values: [String] = [], cuts: [Double] = []
                switch table.description.encoding {
                case .vocabulary(let minCount, let maxSize):
                    values = table.counter!.ranked(minCount: minCount, maxSize: maxSize)
                case .quantiles(let buckets): cuts = table.sample!.cuts(buckets: buckets)
                default: break
                }
                return FittedTable(
                    name: table.description.name, encoding: table.description.encoding, values: values, cuts: cuts)
            })
    }
}

extension ScalarVisitor where Output == UInt8 {
    mutating func observe(_ view: ColumnView, _ range: Range<Int>, _ out: UnsafeMutablePointer<UInt8>) {
        view.visit(&self, range, into: out)
    }
}
