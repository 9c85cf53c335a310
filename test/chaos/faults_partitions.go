package chaos

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/plenary-live/plenary/test/stack"
)

// How many partitions there are: mostly, and before and after they were raised.
const usualPartitions, fewPartitions, morePartitions = 4, 2, 8

var partitionFaults = []*Fault{{
	Name: "raise-partitions",
	What: "from 2 partitions to 8, process by process; an old API and worker begin anew meanwhile",
	Shape: func(_ *Scene, cfg *stack.Config) {
		setting := partitionsSetting(fewPartitions)
		cfg.APIEnv, cfg.WorkerEnv = append(cfg.APIEnv, setting), append(cfg.WorkerEnv, setting)
	},
	Strike: raisePartitions,
}}

func partitionsSetting(n int) string { return "PLENARY_PARTITIONS=" + strconv.Itoa(n) }

func raisePartitions(s *Scene) error {
	if err := s.hasPartitions(fewPartitions); err != nil {
		return err
	}
	if err := s.raise(s.APIs[0]); err != nil {
		return err
	}
	added, err := s.openInAdded(s.crowd.replicas[0], 2)
	if err != nil {
		return err
	}
	s.Measure()
	if err := s.Resumed(); err != nil { // two APIs and both workers have the old setting
		return err
	}
	if err := beginWithFew(s, added); err != nil {
		return fmt.Errorf("with the old setting: %w", err)
	}
	for _, p := range slices.Concat(s.Workers, s.APIs[1:]) {
		s.Measure()
		if err := s.raise(p); err != nil {
			return err
		}
	}
	if _, err := s.openInAdded(s.crowd.replicas[1], 2); err != nil {
		return err
	}
	s.Measure()
	if err := s.Resumed(); err != nil {
		return err
	}
	return s.hasPartitions(morePartitions)
}

// beginWithFew kills an API and a worker of the old setting, and starts them again with it. Votes
// for the added partitions go to that API, and no other worker counts.
func beginWithFew(s *Scene, added []int) error {
	api, worker := s.APIs[1], s.Workers[1]
	s.Measure()
	api.Kill()
	worker.Kill()
	if err := s.startAll([]*stack.Process{api, worker}); err != nil {
		return err
	}
	if err := s.awaitCounted(s.crowd.replicas[1]); err != nil {
		return err
	}
	if err := s.Workers[0].Stop(); err != nil {
		return err
	}
	if err := s.Resumed(); err != nil {
		return err
	}
	counted, err := s.counting(2 * s.crowd.pace.slide)
	if err != nil {
		return err
	}
	for _, partition := range added {
		if !counted[partition] {
			return fmt.Errorf("%s counts %v, and not partition %d", worker.Name, counted, partition)
		}
	}
	return nil
}

// raise restarts a process with more partitions.
func (s *Scene) raise(p *stack.Process) error {
	p.Set(partitionsSetting(morePartitions))
	return p.Restart(s)
}

// openInAdded opens so many rooms in partitions that were added, and gives these. A presentation
// that lies in another stays empty.
func (s *Scene) openInAdded(replica *client, rooms int) (added []int, err error) {
	const tries = 50
	for range tries {
		number := int32(len(s.crowd.rooms))
		r, err := newRoom(s.crowd, replica, number, number%2 == 0)
		if err != nil {
			return nil, err
		}
		partition, err := s.ask(`SELECT partition FROM presentations WHERE id = $1`, r.id)
		if err != nil {
			return nil, err
		}
		if partition < fewPartitions {
			continue
		}
		s.Logf("room %d is in partition %d", number, partition)
		s.crowd.welcome(r, s.Rng.Uint64())
		if added = append(added, partition); len(added) == rooms {
			return added, nil
		}
	}
	return nil, fmt.Errorf("of %d presentations %d are in added partitions", tries, len(added))
}

// hasPartitions is evidence of how many partitions there are.
func (s *Scene) hasPartitions(want int) error {
	found, err := s.ask(`SELECT count(*) FROM partitions`)
	if err == nil && found != want {
		err = fmt.Errorf("there are %d partitions, not %d", found, want)
	}
	return err
}
