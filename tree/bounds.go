package tree

import "encoding/binary"

// bounds are the names from which on the pages of a branch have theirs; the first page has no bound. They never change, so all
// copies of a branch share them; and they are one piece of memory, so that a search finds them in a few lines of the
// processor's cache: for each the number of bytes of all up to it, and then those bytes.
type bounds string

// sum is what a number takes.
const sum = 4

func newBounds(names ...string) bounds {
	var all []byte
	end := 0
	for _, name := range names {
		end += len(name)
		all = binary.LittleEndian.AppendUint32(all, uint32(end))
	}
	for _, name := range names {
		all = append(all, name...)
	}
	return bounds(all)
}

// from is the bound of page i, of so many pages; not of the first.
func (b bounds) from(i, pages int) string {
	begin, names := 0, string(b[sum*(pages-1):])
	if i > 1 {
		begin = b.end(i - 1)
	}
	return names[begin:b.end(i)]
}

// end is where the bound of page i ends.
func (b bounds) end(i int) int {
	n := b[sum*(i-1) : sum*i]
	return int(uint32(n[0]) | uint32(n[1])<<8 | uint32(n[2])<<16 | uint32(n[3])<<24)
}

// page returns which of so many pages a name belongs to.
func (b bounds) page(name string, pages int) int {
	low, high := 0, pages
	for high-low > 1 {
		if mid := int(uint(low+high) / 2); b.from(mid, pages) <= name {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// list returns those of so many pages.
func (b bounds) list(pages int) []string {
	all := make([]string, 0, maxPages)
	for i := 1; i < pages; i++ {
		all = append(all, b.from(i, pages))
	}
	return all
}
