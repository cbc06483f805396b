/// What is done with each value of a column: encode it, count it, hash it, check it.
///
/// The walk over Arrow's layouts is written once (`ColumnView.visit`) and specialised for every visitor.
protocol ScalarVisitor {
    associatedtype Output: BitwiseCopyable
    /// Whether equal values give equal outputs and nothing else happens: then repeated values are visited once.
    static var isPure: Bool { get }
    /// How often the value that comes stands in the column (impure visitors of dictionaries).
    var times: Int { get set }
    mutating func missing() -> Output
    mutating func integer(_ value: Int64) -> Output
    /// Not NaN. `single`: the column holds 32-bit floats (whose shortest decimal is another).
    mutating func real(_ value: Double, single: Bool) -> Output
    /// Not empty.
    mutating func text(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Output
}

extension ScalarVisitor {
    var times: Int {
        get { 1 }
        set {}
    }

    @inline(__always) mutating func float(_ value: Double, single: Bool) -> Output {
        value.isNaN ? missing() : real(value, single: single)
    }
    @inline(__always) mutating func string(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Output {
        count == 0 ? missing() : text(bytes, count)
    }
    mutating func truth(_ value: Bool) -> Output {
        let name: StaticString = value ? "true" : "false"
        return text(name.utf8Start, name.utf8CodeUnitCount)
    }
}

extension ColumnView {
    /// Visits elements `range`, writing one output each.
    @inline(never)
    func visit<V: ScalarVisitor>(
        _ visitor: inout V, _ range: Range<Int>, into out: UnsafeMutablePointer<V.Output>
    ) {
        guard !range.isEmpty else { return }
        switch layout {
        case .null: for i in 0..<range.count { out[i] = visitor.missing() }
        case .int8(let p): visitIntegers(p, &visitor, range, out)
        case .int16(let p): visitIntegers(p, &visitor, range, out)
        case .int32(let p): visitIntegers(p, &visitor, range, out)
        case .int64(let p): visitIntegers(p, &visitor, range, out)
        case .uint8(let p): visitIntegers(p, &visitor, range, out)
        case .uint16(let p): visitIntegers(p, &visitor, range, out)
        case .uint32(let p): visitIntegers(p, &visitor, range, out)
        case .uint64(let p): visitIntegers(p, &visitor, range, out)
        case .float(let p): visitFloats(p, &visitor, range, out)
        case .double(let p): visitFloats(p, &visitor, range, out)
        case .half(let p):
            for (k, i) in range.enumerated() {
                let value = Double(halfPrecision: p[offset + i])
                out[k] = isValid(i) ? visitor.float(value, single: true) : visitor.missing()
            }
        case .bool(let p):
            for (k, i) in range.enumerated() {
                let bit = p[(offset + i) >> 3] & (1 << UInt8((offset + i) & 7)) != 0
                out[k] = isValid(i) ? visitor.truth(bit) : visitor.missing()
            }
        case .text(let offsets, let bytes): visitText(offsets, bytes, &visitor, range, out)
        case .largeText(let offsets, let bytes): visitText(offsets, bytes, &visitor, range, out)
        case .dictionary(let codes, let values): visitDictionary(codes, values, &visitor, range, out)
        case .list, .largeList: for i in 0..<range.count { out[i] = visitor.missing() }
        }
    }

    @inline(__always)
    private func visitIntegers<T: FixedWidthInteger, V: ScalarVisitor>(
        _ base: UnsafePointer<T>, _ visitor: inout V, _ range: Range<Int>, _ out: UnsafeMutablePointer<V.Output>
    ) {
        let p = base + offset + range.lowerBound
        if validity != nil || !V.isPure {
            for i in 0..<range.count {
                out[i] =
                    isValid(range.lowerBound + i)
                    ? visitor.integer(Int64(truncatingIfNeeded: p[i])) : visitor.missing()
            }
            return
        }
        // User-side values repeat for a whole request.
        var last = p[0]
        var output = visitor.integer(Int64(truncatingIfNeeded: last))
        out[0] = output
        for i in 1..<max(1, range.count) {
            let value = p[i]
            if value != last {
                last = value
                output = visitor.integer(Int64(truncatingIfNeeded: value))
            }
            out[i] = output
        }
    }

    @inline(__always)
    private func visitFloats<T: BinaryFloatingPoint, V: ScalarVisitor>(
        _ base: UnsafePointer<T>, _ visitor: inout V, _ range: Range<Int>, _ out: UnsafeMutablePointer<V.Output>
    ) {
        let p = base + offset + range.lowerBound
        let single = T.self == Float.self
        if validity != nil || !V.isPure {
            for i in 0..<range.count {
                out[i] =
                    isValid(range.lowerBound + i) ? visitor.float(Double(p[i]), single: single) : visitor.missing()
            }
            return
        }
        var last = p[0]
        var output = visitor.float(Double(last), single: single)
        out[0] = output
        for i in 1..<max(1, range.count) {
            let value = p[i]
            if value != last {
                last = value
                output = visitor.float(Double(value), single: single)
            }
            out[i] = output
        }
    }

    @inline(__always)
    private func visitText<T: FixedWidthInteger, V: ScalarVisitor>(
        _ base: UnsafePointer<T>, _ bytes: UnsafePointer<UInt8>, _ visitor: inout V, _ range: Range<Int>,
        _ out: UnsafeMutablePointer<V.Output>
    ) {
        let offsets = base + offset + range.lowerBound
        for i in 0..<range.count {
            let start = Int(offsets[i])
            out[i] =
                isValid(range.lowerBound + i)
                ? visitor.string(bytes + start, Int(offsets[i + 1]) - start) : visitor.missing()
        }
    }

    private func visitDictionary<V: ScalarVisitor>(
        _ codes: ColumnView, _ values: ColumnView, _ visitor: inout V, _ range: Range<Int>,
        _ out: UnsafeMutablePointer<V.Output>
    ) {
        let rows = UnsafeMutablePointer<Int32>.allocate(capacity: range.count)
        defer { rows.deallocate() }
        var reader = CodeReader()
        codes.visit(&reader, range, into: rows)
        if V.isPure {
            // A short range of a large dictionary: look up what is needed only.
            if range.count < values.count / 4 {
                for i in 0..<range.count {
                    let code = Int(rows[i])
                    if code < 0 { out[i] = visitor.missing() } else { values.visit(&visitor, code..<code + 1, into: out + i) }
                }
                return
            }
            let outputs = UnsafeMutablePointer<V.Output>.allocate(capacity: max(1, values.count))
            defer { outputs.deallocate() }
            values.visit(&visitor, 0..<values.count, into: outputs)
            let none = visitor.missing()
            for i in 0..<range.count { out[i] = rows[i] < 0 ? none : outputs[Int(rows[i])] }
            return
        }
        var counts = [Int](repeating: 0, count: values.count)
        for i in 0..<range.count where rows[i] >= 0 { counts[Int(rows[i])] += 1 }
        for code in counts.indices where counts[code] > 0 {
            visitor.times = counts[code]
            values.visit(&visitor, code..<code + 1, into: out)
        }
        visitor.times = 1
    }
}

/// Reads a dictionary's indices: -1 for null.
private struct CodeReader: ScalarVisitor {
    static var isPure: Bool { true }
    func missing() -> Int32 { -1 }
    func integer(_ value: Int64) -> Int32 { Int32(truncatingIfNeeded: value) }
    func real(_: Double, single _: Bool) -> Int32 { -1 }
    func text(_: UnsafePointer<UInt8>, _: Int) -> Int32 { -1 }
}

extension Double {
    /// IEEE 754 binary16.
    init(halfPrecision bits: UInt16) {
        let sign = bits & 0x8000 == 0 ? 1.0 : -1.0
        let exponent = Int(bits >> 10) & 31
        let fraction = Double(bits & 1023)
        switch exponent {
        case 0: self = sign * fraction * 0x1p-24
        case 31: self = fraction == 0 ? sign * .infinity : .nan
        default: self = sign * Double(sign: .plus, exponent: exponent - 15, significand: 1 + fraction / 1024)
        }
    }
}
