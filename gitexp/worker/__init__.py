"""Beside the program, on the machine that computes: start it, watch it, write down what it did. Standard library only.

main.py         the process's entry: finds gitexp, hands over to watch.py
watch.py        the loop: children, signals, time, the end
spawn.py        a program in a process group of its own
stopping.py     asking it to stop, and when to kill
relay.py        its streams: to output.py, matches.py and the front; keys to its terminal.py
front.py        whoever attends, if anybody does; frames.py is what is said
probing.py      interpreter.py finds the program's Python, probe.py runs there
fastjson.py     JSON within the start-up budget
"""
