import Evaluation
import Testing

@Test("The AUC of four samples is the fraction of pairs in order")
func aucOfFourSamples() throws {
  var auc = AUC()
  auc.add(try ScoredSamples(predictions: [0.1, 0.4, 0.35, 0.8], labels: [0, 0, 1, 1]))
  #expect(try auc.value == 0.75)
}
