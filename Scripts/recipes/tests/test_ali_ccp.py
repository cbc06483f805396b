"""The Ali-CCP recipe: each sample holds its own line's features and its common features, and nothing else."""

import unittest

import pyarrow.compute as pc

from tests.made_logs import ali_ccp
from tests.support import RecipeTest, edit


def features(text):
    found = {}
    for part in text.split("\x01"):
        field, rest = part.split("\x02")
        number, value = rest.split("\x03")
        found.setdefault(field, []).append((int(number), float(value)))
    return found


class AliCCPTest(RecipeTest):
    recipe = "ali_ccp"

    def test_samples_are_the_join_of_their_line_with_its_common_features(self):
        data = ali_ccp(self.new_folder())
        common = {}
        for line in (data / "common_features_train.csv").read_text().split("\n")[:-1]:
            index, _, text = line.split(",")
            common[index] = features(text)
        rows = [line.split(",") for line in (data / "sample_skeleton_train.csv").read_text().split("\n")[:-1]]
        rows = [row for row in rows if (row[1], row[2]) != ("0", "1")]
        samples = self.samples(data, files=["train"]).to_pylist()
        self.assertEqual(len(samples), len(rows))
        crossed = 0
        for sample, (_, click, buy, index, _, text) in zip(samples, rows):
            own, shared = features(text), common[index]
            self.assertEqual((sample["click"], sample["buy"]), (int(click), int(buy)))
            self.assertEqual(sample["item_id"], own["205"][0][0])
            self.assertEqual(sample["intention"], max(own["210"], key=lambda pair: pair[1])[0])
            self.assertEqual(sample["user_id"], shared["101"][0][0])
            self.assertIsNone(sample["geography"])
            bag = sorted(shared.get("109_14", []), key=lambda pair: (-pair[1], pair[0]))
            self.assertEqual(sample["user_categories"], [pair[0] for pair in bag])
            for found, wanted in zip(sample["user_categories_weight"], bag):
                self.assertAlmostEqual(found, wanted[1], places=5)
            if "853" in own:
                crossed += 1
                self.assertEqual(sample["user_intention"], own["853"][1][0])
                self.assertAlmostEqual(sample["user_intention_weight"], 2.30259, places=5)
            else:
                self.assertEqual((sample["user_intention"], sample["user_intention_weight"]), (None, -1))
        self.assertGreater(crossed, 100)

    def test_a_sample_does_not_depend_on_other_lines(self):
        data = ali_ccp(self.new_folder())
        whole = self.samples(data, files=["train"])
        path = data / "sample_skeleton_train.csv"
        path.write_text("\n".join(path.read_text().split("\n")[:500]) + "\n")
        part = self.samples(data, files=["train"])
        self.assert_same(whole.slice(0, len(part)), part, [], rows=490)

    def test_clicked_files_hold_the_clicked_samples_and_a_share_keeps_whole_requests(self):
        data = ali_ccp(self.new_folder())
        test, clicked = (self.samples(data, files=[name]) for name in ("test", "clicked-test"))
        self.assertEqual(test.filter(pc.equal(test["click"], 1)), clicked)
        part = self.samples(data, "--requests", "0.5", files=["test"])
        self.assert_same(test.filter(pc.is_in(test["request_id"], value_set=part["request_id"].combine_chunks())), part, [],
                         rows=100)
        self.assertLess(len(part), len(test))
        short = self.samples(data, "--bag", "2", files=["test"])
        self.assertEqual([bag[:2] for bag in test["user_shops"].to_pylist()], short["user_shops"].to_pylist())

    def test_bad_lines_are_refused_with_their_place(self):
        data = ali_ccp(self.new_folder())
        path = data / "sample_skeleton_train.csv"
        good = path.read_text()
        lines = good.split("\n")
        for line, words in (
                (lines[2].replace("\x03", "", 1), ("column 'features'", "\\x02 id \\x03 value")),
                (lines[2].rsplit("\x01", 1)[0], ("announces", "cut short")),
                (lines[2].rsplit(",", 1)[0], ("expected 6 columns", "found 5")),
                (",".join(["3", "7"] + lines[2].split(",")[2:]), ("column 'click'", "expected 0 or 1, found '7'")),
                (",".join(lines[2].split(",")[:3] + ["beef"] + lines[2].split(",")[4:]), ("'beef'", "belong together"))):
            edit(path, 3, line)
            self.refuses(data, 65, "sample_skeleton_train.csv, line 3", *words)
            path.write_text(good)
        common = data / "common_features_test.csv"
        common.write_text(common.read_text() + common.read_text().split("\n")[0] + "\n")
        self.refuses(data, 65, "common_features_test.csv, line 91", "was there before")
        path.unlink()
        self.refuses(data, 66, "sample_skeleton_train.csv")


if __name__ == "__main__":
    unittest.main()
