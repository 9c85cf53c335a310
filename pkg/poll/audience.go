package poll

// Presence is what one replica knows of a presentation's room.
type Presence struct {
	Viewers int   // people who view its events
	Most    int   // passes that it gave in the last minute to the address that got the most
	MostBy  int64 // a keyed hash of that address
}

// Audience is what all replicas know of it together.
type Audience struct {
	Viewers int
	Given   int64 // passes, since the presentation was made
	// passes that one address got in the last minute, from the replicas where no other got more
	Most int
}
