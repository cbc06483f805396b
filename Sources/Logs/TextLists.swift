/// Lists in CSV: values separated by `|`.
final class SplitLists: ChunkReader {
    private let inner: any ChunkReader
    private let columns: [WantedColumn]

    init(_ inner: any ChunkReader, columns: [WantedColumn]) {
        self.inner = inner
        self.columns = columns
    }

    func next() throws -> Chunk? {
        guard let chunk = try inner.next() else { return nil }
        for (i, column) in columns.enumerated() where column.isList && chunk.columns[i].elements == nil {
            let lists = TextColumn(isList: true)
            var appender = ListAppender(target: lists)
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: chunk.count) { out in
                // Row by row: a dictionary's values would come in the dictionary's order.
                for row in 0..<chunk.count { chunk.columns[i].visit(&appender, row..<row + 1, into: out.baseAddress!) }
            }
            chunk.replace(i, with: lists.view, owner: lists)
        }
        return chunk
    }
}

/// A column of texts, or of lists of texts, that is being read.
final class TextColumn {
    let isList: Bool
    private let bytes = Growable<UInt8>(capacity: 1 << 12)
    private let ends = Growable<Int32>()
    private let valid = Growable<UInt8>()
    private let listEnds = Growable<Int32>()
    private var elements = 0

    init(isList: Bool) {
        self.isList = isList
        ends.append(0)
        listEnds.append(0)
    }

    /// Rows so far.
    var count: Int { isList ? listEnds.count - 1 : elements }

    func append(_ source: UnsafePointer<UInt8>, _ n: Int) {
        bytes.append(from: source, count: n)
        ends.append(Int32(truncatingIfNeeded: bytes.count))
        elements += 1
    }

    func appendMissing() {
        ends.append(Int32(truncatingIfNeeded: bytes.count))
        elements += 1
    }

    func endList() { listEnds.append(Int32(elements)) }

    var byteCount: Int { bytes.count }

    /// Empty texts are missing values, so no bitmap is needed. The view lives as long as the column.
    var view: ColumnView {
        let texts = ColumnView(
            layout: .text(offsets: UnsafePointer(ends.base), bytes: UnsafePointer(bytes.base)), offset: 0, count: elements,
            validity: nil)
        guard isList else { return texts }
        return ColumnView(
            layout: .list(offsets: UnsafePointer(listEnds.base), child: texts), offset: 0, count: listEnds.count - 1,
            validity: nil)
    }
}

/// Splits each text at `|`.
private struct ListAppender: ScalarVisitor {
    static var isPure: Bool { false }
    let target: TextColumn

    func missing() -> UInt8 {
        target.endList()
        return 0
    }
    func text(_ p: UnsafePointer<UInt8>, _ count: Int) -> UInt8 {
        var start = 0
        for i in 0...count where i == count || p[i] == UInt8(ascii: "|") {
            target.append(p + start, i - start)
            start = i + 1
        }
        target.endList()
        return 0
    }
    func integer(_ value: Int64) -> UInt8 { appendText(String(value)) }
    func real(_ value: Double, single: Bool) -> UInt8 { appendText(ValueText.text(value, single: single)) }
    private func appendText(_ text: String) -> UInt8 {
        var text = text
        return text.withUTF8 { self.text($0.baseAddress!, $0.count) }
    }
}
