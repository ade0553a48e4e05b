// What estimates turned out to be off by, and whether they can tell near rows from far ones.
#ifndef SIGHTLINE_CODES_ESTIMATE_ERRORS_H_
#define SIGHTLINE_CODES_ESTIMATE_ERRORS_H_

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace sightline {

// Of one query: the rows that were found by estimates get exact distances anyway. Nothing is
// assumed of how rows are spread, or of what a code should be good for.
class EstimateErrors {
 public:
  void Add(float estimate, float exact) {
    const double error = static_cast<double>(exact) - estimate;
    squares_ += error * error;
    ++count_;
  }
  float deviation() const { return static_cast<float>(Deviation()); }
  // Whether what is estimated as `far` or more is hardly nearer than `near`, which is exact. A list
  // whose end is near because estimates are rough was filled by chance.
  bool CanTell(float near, float far, double deviations) const {
    return static_cast<double>(far) - near >= deviations * Deviation();
  }

 private:
  double Deviation() const {
    return count_ == 0 ? 0.0 : std::sqrt(squares_ / static_cast<double>(count_));
  }

  double squares_ = 0;
  size_t count_ = 0;
};

}  // namespace sightline

#endif  // SIGHTLINE_CODES_ESTIMATE_ERRORS_H_
