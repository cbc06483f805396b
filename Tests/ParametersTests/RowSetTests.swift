import Kernels
import Parameters
import Testing

@Suite struct RowSetTests {
    /// The obvious way.
    func reference(_ lists: [[Int32]]) -> (unique: [Int32], locals: [[Int32]]) {
        var unique: [Int32] = []
        var places: [Int32: Int32] = [:]
        let locals = lists.map { ids in
            ids.map { id in
                if let place = places[id] { return place }
                places[id] = Int32(unique.count)
                unique.append(id)
                return Int32(unique.count - 1)
            }
        }
        return (unique, locals)
    }

    func check(_ lists: [[Int32]], _ rowSet: RowSet) {
        // More room than is needed changes nothing.
        rowSet.reset(capacity: lists.reduce(lists.count * 7) { $0 + $1.count })
        let pointers = lists.map { ids in ids.withUnsafeBufferPointer { rowSet.add(ids: $0) } }
        let expected = reference(lists)
        #expect(Array(rowSet.unique) == expected.unique)
        #expect(rowSet.count == expected.unique.count)
        // All of them after the last `add`: earlier ones must still be good.
        for (pointer, locals) in zip(pointers, expected.locals) {
            #expect(Array(UnsafeBufferPointer(start: pointer, count: locals.count)) == locals)
        }
    }

    /// With a slot for each row, hashed, and now one and then the other.
    @Test(arguments: [1, 256, 10_000, .max])
    func agreesWithADictionaryAcrossManyBatches(rows: Int) {
        var random = SplitMix(state: 11)
        let rowSet = RowSet(of: "t", rows: rows)
        for batch in 0..<300 {
            let span = min(([1, 2, 100, 10_000, .max] as [Int32]).randomElement(using: &random)!, Int32(clamping: rows))
            let lists = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                (0..<Int.random(in: 0...(batch % 7 == 0 ? 3000 : 50), using: &random)).map { _ in
                    Int32.random(in: 0...(span - 1), using: &random)
                }
            }
            check(lists, rowSet)
        }
    }

    @Test func extremesAndRunsOfIds() {
        let rowSet = RowSet(of: "t", rows: .max)
        check([[0], [.max, 0], []], rowSet)
        check([Array(0..<5000)], rowSet)
        check([Array((0..<5000).reversed()), Array(0..<5000)], rowSet)
        // Multiples of a power of two collide under a careless hash.
        check([12, 17].map { shift in (0..<5000 as Range<Int32>).map { ($0 << shift) & .max } }, rowSet)
        check([], rowSet)
    }

    @Test func aRowThatTheTableLacksTraps() async {
        await #expect(processExitsWith: .failure) {
            let rowSet = RowSet(of: "t", rows: 3)
            rowSet.reset(capacity: 2)
            _ = [Int32(2), 3].withUnsafeBufferPointer { rowSet.add(ids: $0) }
        }
    }

    @Test func moreThanTheCapacityTraps() async {
        await #expect(processExitsWith: .failure) {
            let rowSet = RowSet(of: "t", rows: .max)
            rowSet.reset(capacity: 1)
            _ = [Int32(1), 2].withUnsafeBufferPointer { rowSet.add(ids: $0) }
        }
    }
}
