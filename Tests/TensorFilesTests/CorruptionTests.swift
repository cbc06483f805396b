import Foundation
import TensorFiles
import Testing

/// Whatever the bytes: a file opens and can be read to the end, or throws a `TensorFileError`.
@Suite struct CorruptionTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// Whether the bytes open; every tensor of a file that opens is read.
    func opens(_ bytes: [UInt8]) throws -> Bool {
        let path = folder("corrupt")
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        do {
            let file = try SafetensorsFile(path: path)
            var total = 0
            for tensor in file.tensors {
                let raw = try file.bytes(tensor.name)
                #expect(raw.count == tensor.byteCount)
                total += raw.reduce(0) { $0 + Int($1) }
                _ = try? file.floats(tensor.name)
                _ = try? file.array(tensor.name, as: Int64.self)
            }
            return total >= 0
        } catch {
            #expect(error.problem == .malformed, "\(error)")
            return false
        }
    }

    func sample() throws -> [UInt8] {
        try writeSample(to: folder("sample"))
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder("sample"))))
    }

    @Test func everyTruncationIsRefused() throws {
        let bytes = try sample()
        #expect(try opens(bytes))
        for length in 0..<bytes.count { #expect(try !opens(Array(bytes[..<length])), "\(length) of \(bytes.count) bytes") }
        #expect(try !opens(bytes + [0]))
    }

    @Test func everyFlippedBitOpensOrThrows() throws {
        var bytes = try sample()
        for index in bytes.indices {
            for bit in 0..<8 {
                bytes[index] ^= 1 << bit
                _ = try opens(bytes)
                bytes[index] ^= 1 << bit
            }
        }
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func randomDamageOpensOrThrows(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let bytes = try sample()
        for _ in 0..<500 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: damaged.indices, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: damaged[index] = UInt8.random(in: .min ... .max, using: &random)
                case 1: damaged.remove(at: index)
                case 2: damaged.insert("0\",{}[]:9\\".utf8.randomElement(using: &random)!, at: index)
                default: damaged.swapAt(index, Int.random(in: damaged.indices, using: &random))
                }
            }
            _ = try opens(damaged)
        }
    }

    @Test(arguments: [
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
        #" { "x" : { "shape" : [ 1 ] , "dtype" : "F32" , "data_offsets" : [ 0 , 4 ] } } "#,
        #"{"__metadata__":{},"\u0078\ud83d\ude00":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]}}"#,
        #"{"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]},"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}"#,
        #"{"none":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},"a":{"dtype":"I32","shape":[],"data_offsets":[0,4]}}"#,
    ])
    func headersThatAreRight(json: String) throws { #expect(try opens(whole(json))) }

    @Test(arguments: [
        "", "{", "[]", "{}", "null", #"{"x":1}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}}"#,
        #"{"x":{"dtype":"F32","shape":[1]}}"#,
        #"{"x":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}"#,
        #"{"x":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}"#,
        #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#,
        #"{"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#,
        #"{"x":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}"#,
        #"{"x":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}"#,
        #"{"x":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}"#,
        // 2^62 x 4 bytes, and 2^32 x 2^32: products that wrap around to what the offsets say.
        #"{"x":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}}"#,
        #"{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775803,9223372036854775807]}}"#,
        #"{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"x":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#,
        #"{"x":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"y":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#,
        #"{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"y":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#,
        #"{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"y":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#,
        #"{"__metadata__":{"a":1},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
        #"{"__metadata__":{"a":"1","a":"1"},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
        #"{"\ud83d":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
        #"{"\q":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
        String(repeating: "[", count: 100_000), String(repeating: #"{"x":"#, count: 100_000),
    ])
    func headersThatAreWrong(json: String) throws { #expect(try !opens(whole(json))) }

    @Test func bytesThatAreNotUTF8AreRefused() throws {
        let bytes = whole(#"{"?":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#)
        #expect(try opens(bytes))
        #expect(try !opens(bytes.map { $0 == UInt8(ascii: "?") ? 0xFF : $0 }))
    }

    @Test(arguments: [0, 1, 1 << 20, 1 << 62, 1 << 63, .max] as [UInt64])
    func headerLengthsThatCannotBe(length: UInt64) throws {
        let prefix = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
        #expect(try !opens(prefix + Array("{}  ".utf8)))
    }

    @Test func aMisalignedTensorIsReadByCopyOnly() throws {
        let bytes = whole(#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}   "#.padded(toOddLengthFrom: 8))
        try Data(bytes).write(to: URL(fileURLWithPath: folder("odd")))
        let file = try SafetensorsFile(path: folder("odd"))
        #expect(throws: TensorFileError.self) { try file.floats("x") }
        #expect(try file.array("x", as: Float.self) == [Float(bitPattern: 0x0403_0201)])
    }

    /// A file of this header and four bytes of data.
    func whole(_ json: String) -> [UInt8] {
        let body = Array(json.utf8)
        return (0..<8).map { UInt8(truncatingIfNeeded: UInt64(body.count) >> (8 * $0)) } + body + [1, 2, 3, 4]
    }
}

extension String {
    fileprivate func padded(toOddLengthFrom start: Int) -> String { (utf8.count + start) % 2 == 0 ? self + " " : self }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
