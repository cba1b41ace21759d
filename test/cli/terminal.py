"""Runs a command on a terminal of its own and answers its questions.

usage: terminal.py [QUESTION ANSWER]... -- COMMAND ARGUMENT...

Waits for each QUESTION on the terminal and types ANSWER and Return; `^C` and the like are typed as the control character,
without Return. Prints what the terminal showed and exits with the command's code, 128 and the signal's number if a
signal ended it, or 99 if a question did not come.
"""
import os
import pty
import select
import sys
import time

LONGEST_WAIT_S = 60


def main():
    split = sys.argv.index("--")
    words, command = sys.argv[1:split], sys.argv[split + 1 :]
    answers = list(zip(words[::2], words[1::2]))
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    shown, searched, deadline = b"", 0, time.monotonic() + LONGEST_WAIT_S
    while True:
        ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            os.kill(pid, 9)
            sys.stdout.write(f"{shown.decode()}\nno more output; waiting for {answers[:1]}\n")
            sys.exit(99)
        try:
            part = os.read(terminal, 65536)
        except OSError:  # EIO: the last process on the terminal is gone
            part = b""
        if not part:
            break
        shown += part
        while answers and answers[0][0].encode() in shown[searched:]:
            question, answer = answers.pop(0)
            searched = shown.index(question.encode(), searched) + len(question.encode())
            os.write(terminal, typed(answer))
    _, status = os.waitpid(pid, 0)
    sys.stdout.write(shown.decode().replace("\r\n", "\n"))
    if answers:
        sys.stdout.write(f"\nthese did not come: {answers}\n")
        sys.exit(99)
    sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


def typed(answer):
    if len(answer) == 2 and answer[0] == "^":
        return bytes([ord(answer[1]) & 0x1F])
    return answer.encode() + b"\r"


main()
