extension LocalParameterServer {
    /// The first parameter or optimiser state that holds a NaN or an infinity, and the value; nil when all are
    /// finite. One pass over everything that a checkpoint holds; locks as `write(to:)` does.
    public func firstNonFinite() -> (tensor: String, value: Float)? {
        func bad(_ memory: ZeroedMemory, _ range: Range<Int>) -> Float? {
            // All exponent bits set means NaN or infinity; told in integers, without a branch, it vectorises.
            let exponent = Float.infinity.bitPattern
            var found: UInt32 = 0
            for index in range { found |= memory.base[index].bitPattern & exponent == exponent ? 1 : 0 }
            return found != 0 ? range.lazy.map { memory.base[$0] }.first { !$0.isFinite } : nil
        }
        let inDense = dense.locks.withAll { () -> (String, Float)? in
            for entry in dense.layout {
                if let value = bad(dense.values, entry.range) { return (entry.name, value) }
                guard entry.kind == .weight else { continue }
                for (state, memory) in zip(dense.stateSpecs, dense.states) {
                    if let value = bad(memory, entry.range) { return ("\(state.name) of \(entry.name)", value) }
                }
            }
            return nil
        }
        if let inDense { return inDense }
        for table in embeddings {
            let inTable = table.shards.withAll { () -> (String, Float)? in
                if let value = bad(table.values, 0..<table.values.count) { return ("table \(table.spec.name)", value) }
                for (state, memory) in zip(table.stateSpecs, table.states) {
                    if let value = bad(memory, 0..<memory.count) {
                        return ("\(state.name) of table \(table.spec.name)", value)
                    }
                }
                return nil
            }
            if let inTable { return inTable }
        }
        return nil
    }
}
