package poll

// Kept gives what a store keeps of a slide beside its version and its index. open: voting is open.
// closed is the version that closed voting, 0 where it is not closed.
func (s Slide) Kept() (open bool, closed int64) {
	if s.Closed {
		closed = s.Version
	}
	return s.Displayed && !s.Closed, closed
}

// KeptSlide makes a slide of what a store keeps. A transition leaves closed as it was where another
// version closed it, and that does not count.
func KeptSlide(version int64, index int, open bool, closed int64) Slide {
	isClosed := !open && closed > 0 && closed == version
	return Slide{Version: version, Index: index, Displayed: open || isClosed, Closed: isClosed}
}

// Over says whether the last of a presentation's polls is over: it was displayed last, and nobody
// may vote.
func (s Slide) Over(polls int) bool {
	return s.Index >= 0 && s.Index == polls-1 && (!s.Displayed || s.Closed)
}
