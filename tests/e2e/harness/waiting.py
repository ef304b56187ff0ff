"""Waiting for the outside world: poll a condition, with a limit and words for when it is over."""
import time


def until(condition, seconds, what, every=0.02):
    """The first truthy value of `condition()`; fails after `seconds`, saying `what` did not happen."""
    end = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(every)


def steadily(seconds, check, every=0.5):
    """Lets real time pass, with `check()` called all along so that a death is seen when it happens."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        check()
        time.sleep(min(every, left))
    check()
