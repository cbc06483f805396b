import TensorFiles

/// Tensors of a checkpoint:
///
///     dense/<entry>                       F32 [rows, columns]
///     dense_state/<state>/<entry>         F32 [rows, columns], weights only
///     dense_steps                         I64 [entries], updates that each entry has had
///     tables/<table>/values               F32 [rows, dimension]
///     tables/<table>/<state>              F32 [rows, dimension], or [rows] for state kept a row
///
/// `<state>` names the optimiser (`adagrad_sum`), so that a checkpoint of another optimiser is refused.
extension LocalParameterServer {
    private static let steps = "dense_steps"

    /// All tensors that `write` writes.
    public var tensors: [TensorDescription] {
        var result: [TensorDescription] = []
        for entry in dense.layout {
            let shape = [entry.rows, entry.columns]
            result.append(.init(name: "dense/\(entry.name)", elementType: .float32, shape: shape))
            guard entry.kind == .weight else { continue }
            for state in dense.stateSpecs {
                result.append(
                    .init(name: "dense_state/\(state.name)/\(entry.name)", elementType: .float32, shape: shape))
            }
        }
        result.append(.init(name: Self.steps, elementType: .int64, shape: [dense.layout.count]))
        for table in embeddings {
            let shape = [table.spec.rows, table.spec.dimension]
            result.append(.init(name: "tables/\(table.spec.name)/values", elementType: .float32, shape: shape))
            for state in table.stateSpecs {
                result.append(
                    .init(
                        name: "tables/\(table.spec.name)/\(state.name)", elementType: .float32,
                        shape: state.extent == .row ? [table.spec.rows] : shape))
            }
        }
        return result
    }

    /// Writes `tensors` to a writer that has declared them, without copying. Each table, and the dense
    /// buffer, is locked while it is written; for one consistent moment, stop the workers.
    public func write(to writer: SafetensorsWriter) throws(TensorFileError) {
        try dense.locks.withAll { () throws(TensorFileError) in
            for entry in dense.layout {
                try writer.write("dense/\(entry.name)", dense.values.bytes(of: entry.range))
                guard entry.kind == .weight else { continue }
                for (state, memory) in zip(dense.stateSpecs, dense.states) {
                    try writer.write("dense_state/\(state.name)/\(entry.name)", memory.bytes(of: entry.range))
                }
            }
            try writer.write(Self.steps, dense.entrySteps)
        }
        for table in embeddings {
            try table.shards.withAll { () throws(TensorFileError) in
                try writer.write("tables/\(table.spec.name)/values", table.values.bytes)
                for (state, memory) in zip(table.stateSpecs, table.states) {
                    try writer.write("tables/\(table.spec.name)/\(state.name)", memory.bytes)
                }
            }
        }
    }

    /// Replaces all parameters and optimiser state by those of `file`. Every name, type and shape is checked
    /// before anything is changed; a table or dense parameter in the file that this server does not have is
    /// an error too. Tensors under other names are somebody else's.
    public func read(from file: SafetensorsFile) throws(TensorFileError) {
        let expected = tensors
        for tensor in expected { try file.require(tensor) }
        let known = Set(expected.map(\.name))
        for tensor in file.tensors where !known.contains(tensor.name) {
            guard ["dense/", "dense_state/", "tables/"].contains(where: tensor.name.hasPrefix) else { continue }
            throw TensorFileError(
                .unexpectedTensor, file: file.path, tensor: tensor.name, expected: "no such parameter",
                found: "\(tensor.elementType.rawValue) \(tensor.shape)")
        }
        let steps = try file.array(Self.steps, as: Int64.self)
        guard steps.allSatisfy({ $0 >= 0 }) else {
            throw TensorFileError(
                .malformed, file: file.path, tensor: Self.steps, expected: "counts", found: "a negative number")
        }
        try dense.locks.withAll { () throws(TensorFileError) in
            for entry in dense.layout {
                try dense.values.load(file.bytes("dense/\(entry.name)"), at: entry.offset)
                guard entry.kind == .weight else { continue }
                for (state, memory) in zip(dense.stateSpecs, dense.states) {
                    try memory.load(file.bytes("dense_state/\(state.name)/\(entry.name)"), at: entry.offset)
                }
            }
            dense.entrySteps = steps
        }
        for table in embeddings {
            try table.shards.withAll { () throws(TensorFileError) in
                try table.values.load(file.bytes("tables/\(table.spec.name)/values"), at: 0)
                for (state, memory) in zip(table.stateSpecs, table.states) {
                    try memory.load(file.bytes("tables/\(table.spec.name)/\(state.name)"), at: 0)
                }
            }
        }
    }

    /// Writes a checkpoint of nothing but this server.
    public func write(toFile path: String, metadata: [String: String] = [:]) throws(TensorFileError) {
        let writer = try SafetensorsWriter(path: path, tensors: tensors, metadata: metadata)
        try write(to: writer)
        try writer.finish()
    }
}
