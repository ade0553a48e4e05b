// The errors of estimated distances, and whether estimates separate near rows from far ones.
#ifndef SIGHTLINE_CODES_ESTIMATE_ERRORS_H_
#define SIGHTLINE_CODES_ESTIMATE_ERRORS_H_

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace sightline {

// For one query. Errors are measured on the rows that get exact distances anyway, without
// assumptions about the distribution of rows or the quality of a code.
class EstimateErrors {
 public:
  void Add(float estimate, float exact) {
    const double error = static_cast<double>(exact) - estimate;
    squares_ += error * error;
    ++count_;
  }
  float deviation() const { return static_cast<float>(Deviation()); }
  // True if a row estimated at `far` or more is unlikely to be nearer than `near`, an exact
  // distance.
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
