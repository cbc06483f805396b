import CKernels

/// Rows of an embedding table as they are kept: floats, or fewer bits that become floats when they are gathered.
/// A view; whoever owns the memory keeps it, and it is never written to.
public struct EmbeddingRows {
    public enum Storage {
        case float32(UnsafePointer<Float>)
        case bfloat16(UnsafePointer<UInt16>)
        /// A value is its row's scale times the integer.
        case int8(UnsafePointer<Int8>, scales: UnsafePointer<Float>)
    }
    public let storage: Storage
    public let rows: Int
    public let columns: Int

    public init(_ storage: Storage, rows: Int, columns: Int) {
        self.storage = storage
        self.rows = rows
        self.columns = columns
    }

    /// y[i] = row index[i]. Indices are trusted.
    public func gather(_ index: UnsafePointer<Int32>, into y: Matrix<Float>) {
        precondition(y.columns == columns, "EmbeddingRows: \(columns) columns into \(y.columns)")
        switch storage {
        case .float32(let base): hs_gather_rows_f32(base, columns, index, y.rows, columns, y.base, y.stride)
        case .bfloat16(let base): hs_gather_rows_bf16(base, index, y.rows, columns, y.base, y.stride)
        case .int8(let base, let scales): hs_gather_rows_i8(base, scales, index, y.rows, columns, y.base, y.stride)
        }
    }

    /// y[i] = sum or mean of rows index[offsets[i] ..< offsets[i + 1]]; an empty bag gives zeros.
    /// - Parameter scratch: where narrow rows are widened first.
    public func bag(
        _ index: UnsafePointer<Int32>, offsets: UnsafePointer<Int32>, mean: Bool, into y: Matrix<Float>, scratch: Arena<Float>
    ) {
        if case .float32(let base) = storage {
            hs_bag_rows_f32(base, columns, index, offsets, y.rows, columns, mean ? 1 : 0, y.base, y.stride)
            return
        }
        guard y.rows > 0 else { return }
        let count = Int(offsets[y.rows])
        let wide = scratch.matrix(max(1, count), columns)
        gather(index, into: wide.rows(0..<count))
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: max(1, count)) { places in
            for i in 0..<count { places[i] = Int32(i) }
            hs_bag_rows_f32(
                wide.base, columns, places.baseAddress!, offsets, y.rows, columns, mean ? 1 : 0, y.base, y.stride)
        }
    }
}

/// Embedding rows in fewer bits.
public enum NarrowRows {
    /// The nearest bfloat16 of each value, ties to even.
    public static func bfloat16(_ values: UnsafeBufferPointer<Float>) -> [UInt16] {
        [UInt16](unsafeUninitializedCapacity: values.count) { buffer, count in
            if let base = values.baseAddress { hs_to_bf16(base, values.count, buffer.baseAddress!) }
            count = values.count
        }
    }

    /// Integers from -127 to 127 and a scale a row, so that no value is off by more than half a scale (and roundings).
    /// - Parameter values: finite, `[rows, columns]`.
    public static func int8(
        _ values: UnsafeBufferPointer<Float>, columns: Int
    ) -> (values: [Int8], scales: [Float]) {
        let rows = values.count / max(1, columns)
        precondition(rows * columns == values.count, "NarrowRows: \(values.count) values in rows of \(columns)")
        var scales = [Float](repeating: 0, count: rows)
        let narrow = [Int8](unsafeUninitializedCapacity: values.count) { buffer, count in
            if let base = values.baseAddress { hs_quantise_rows_i8(base, rows, columns, buffer.baseAddress!, &scales) }
            count = values.count
        }
        return (narrow, scales)
    }
}
