package talk

// The values of a rating.
const (
	Least = 1
	Most  = 5
)

// Tally counts the ratings of each value: the first of 1, the last of 5.
type Tally [Most - Least + 1]int64

// Count gives how many ratings there are.
func (t Tally) Count() (n int64) {
	for _, c := range t {
		n += c
	}
	return n
}

// Average gives the mean, exact but for one rounding to binary64. There is none of no ratings.
func (t Tally) Average() (mean float64, ok bool) { return meanOf(Least, t[:]...) }

// Median gives the middle value, or the mean of the two in the middle. There is none of no ratings.
func (t Tally) Median() (median float64, ok bool) {
	n := t.Count()
	if n == 0 {
		return 0, false
	}
	return float64(t.at((n-1)/2)+t.at(n/2)) / 2, true
}

// at gives the value at a place of all in order, from 0 on.
func (t Tally) at(place int64) int {
	for i, c := range t {
		if place -= c; place < 0 {
			return Least + i
		}
	}
	return Most
}

func (t *Tally) add(value int, n int64) { t[value-Least] += n }

// meanOf gives the mean of values that were counted, the first of which is least. Sum and count are
// integers that binary64 holds up to 2^53, so that the division alone rounds.
func meanOf(least int64, counts ...int64) (mean float64, ok bool) {
	var sum, n int64
	for i, c := range counts {
		sum += (least + int64(i)) * c
		n += c
	}
	if n == 0 {
		return 0, false
	}
	return float64(sum) / float64(n), true
}
