package main
import _ "github.com/coreos/go-etcd/etcd"
func main(){}
