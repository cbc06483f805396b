import Foundation
import Logs
import NIOCore
import Testing

@testable import Server

@Suite struct JSONTests {
    private func features(_ json: String) throws -> [String: FeatureValue] {
        try BodyReader.read(ByteBuffer(string: json)) { reader throws(APIError) in try reader.features() }
    }

    @Test func valuesAreReadAsTheyAreMeant() throws {
        let values = try features(
            #"{"a": 1, "b": -0, "c": 1.0, "d": 1e3, "e": "x\n\u00e9\ud83d\ude00", "f": true, "g": null, "h": [1, "2", null, false], "i": [], "j": 123456789012345678901234567890, "k": 9223372036854775807, "l": -9223372036854775808, "": 7, "ä": "ö"}"#)
        #expect(
            values == [
                "a": .integer(1), "b": .integer(0), "c": .number(1), "d": .number(1000), "e": .text("x\né😀"), "f": .truth(true),
                "g": .missing, "h": .list([.integer(1), .text("2"), .missing, .truth(false)]), "i": .list([]),
                "j": .text("123456789012345678901234567890"), "k": .integer(.max), "l": .integer(.min), "": .integer(7),
                "ä": .text("ö"),
            ])
    }

    /// By the grammar of RFC 8259. (Foundation's reader is no judge: it takes commas before a closing bracket.)
    @Test(arguments: [
        "{}", " { } ", "{\"a\":1}", "{\"a\":1e+5}", "{\"a\":1E-5}", "{\"a\":-0.0}", "{\"a\":\"\\t\"}", "{\"a\" :\t1\r\n}", "{\"a\":[ ]}",
    ]) func whatIsJSONIsTaken(_ json: String) throws { _ = try features(json) }

    @Test(arguments: [
        "{\"a\":1,}", "{,}", "{\"a\"}", "{\"a\":}", "{'a':1}", "{\"a\":01}", "{\"a\":-}", "{\"a\":+1}", "{\"a\":1.}", "{\"a\":.5}",
        "{\"a\":1e}", "{\"a\":0x10}", "{\"a\":nul}", "{\"a\":True}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\t\"}",
        "{\"a\":1}x", "{\"a\":1}{}", "{\"a\":[1,]}", "{\"a\":[,1]}", "{\"a\":[1 2]}", "{\"a\":\"", "{\"a\":\"\\", "{\"a\":--1}",
        "{\"a\":1-1}", "{\"a\":Infinity}", "{\"a\":NaN}", "{\"a\":1 \"b\":2}", "\u{FEFF}{}",
    ]) func whatIsNoJSONIsRefused(_ json: String) {
        #expect(throws: APIError.self) { try features(json) }
    }

    @Test func textThatIsNoUTF8IsRefused() {
        for bytes: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xC3]] {
            let body = Array("{\"a\":\"".utf8) + bytes + Array("\"}".utf8)
            #expect(throws: APIError.self) {
                try BodyReader.read(ByteBuffer(bytes: body)) { reader throws(APIError) in try reader.features() }
            }
        }
    }

    /// Half a character is none. Taken for U+FFFD, ids that differ would become one.
    @Test(arguments: [#"\ud800"#, #"\udc00x"#, #"\ud83d\ud83d"#, #"\ud83dx"#, #"\udfff\ud800"#])
    func halfOfASurrogatePairIsRefused(_ escape: String) {
        for json in [#"{"a": "\#(escape)"}"#, #"{"\#(escape)": 1}"#] {
            #expect { try features(json) } throws: { ($0 as? APIError)?.message.contains("surrogate") == true }
        }
    }

    /// Of a word all, and nothing of what follows it.
    @Test func whatWasFoundIsToldAsItStands() {
        for (json, found) in [(#"{"a": 1e999}"#, "'1e999'"), (#"{"a": NaN, "b": 1}"#, "'NaN'"), (#"{"a": {"b": 1}}"#, #"'{"b": 1}}'"#)] {
            #expect { try features(json) } throws: { ($0 as? APIError)?.message.contains("found \(found)") == true }
        }
    }

    @Test func passingOverAValueKeepsToTheStandardAndToItsDepth() throws {
        func skip(_ json: String) -> Bool {
            (try? BodyReader.read(ByteBuffer(string: json)) { reader throws(APIError) in try reader.skip() }) != nil
        }
        for json in ["1", "\"a\"", "[]", "{}", "[[],[],{}]", "{\"a\":[1,{\"b\":null}],\"c\":{}}", " [ 1 , [ 2 ] , { \"a\" : [ ] } ] ", "[{\"a\":{}},{}]"] {
            #expect(skip(json), "\(json)")
        }
        for json in ["[", "{", "]", "[}", "{]", "[1,]", "[,]", "{\"a\":1,}", "{\"a\"}", "{1:2}", "[1}", "[[1]", "{\"a\":[}]", "[1 2]", "[]]"] {
            #expect(!skip(json), "\(json)")
        }
        func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        #expect(skip(nested(64)) && !skip(nested(65)) && !skip(String(repeating: "{\"a\":", count: 100_000)))
    }

    @Test func whatIsWrittenReadsBackAsItself() throws {
        var generator = SplitMix(state: 3)
        for _ in 0..<2_000 {
            let double = Double(bitPattern: generator.next()), float = Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()))
            let text = String((0..<Int.random(in: 0..<12, using: &generator)).map { _ in
                Character(Unicode.Scalar(UInt32.random(in: 0..<0xD800, using: &generator))!)
            })
            var writer = JSONWriter()
            writer.object { writer in
                writer.field("double", double)
                writer.field("float", float)
                writer.field("text", text)
                writer.key("list")
                writer.array { writer in
                    writer.value(true)
                    writer.null()
                    writer.array { _ in }
                    writer.object { _ in }
                }
                writer.key(named: text)
                writer.value(-3)
            }
            let json = String(decoding: writer.bytes, as: UTF8.self)
            #expect((try? JSONSerialization.jsonObject(with: Data(writer.bytes))) != nil, "\(json)")
            // Our own reader for the values: Foundation's loses a last bit of a Double now and then.
            var found: (Double?, Double?, String?) = (nil, nil, nil)
            try BodyReader.read(ByteBuffer(bytes: writer.bytes)) { reader throws(APIError) in
                try reader.object { reader, key throws(APIError) in
                    switch key {
                    case "double" where double.isFinite && double.magnitude >= .leastNormalMagnitude: found.0 = try reader.number()
                    case "float" where float.isFinite: found.1 = try reader.number()
                    case "text": found.2 = try reader.text()
                    default: try reader.skip()
                    }
                }
            }
            if double.isFinite, double.magnitude >= .leastNormalMagnitude { #expect(found.0 == double) }
            if float.isFinite { #expect(found.1.map { Float($0) } == float) }
            #expect(found.2 == text)
        }
    }
}
