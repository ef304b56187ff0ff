"""Publishes the test pattern by WHIP from Chromium until stdin says "leave" or closes; "restart" restarts ICE.

The page makes offer and answer; the POST is made here, as a page of another origin may not reach the service.
"""
import argparse
import asyncio
import pathlib
import sys
import time

from playwright.async_api import async_playwright

import whip

FLAGS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection",
         "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
         "--disable-backgrounding-occluded-windows"]


async def run(options):
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=options.browser, args=FLAGS)
        page = await browser.new_page()
        await page.goto((pathlib.Path(__file__).parent / "chromium.html").as_uri())
        offer = await page.evaluate("offer", {"width": 640, "height": 360, "codec": options.codec})
        resource = await asyncio.to_thread(whip.Resource, options.url, offer)
        await page.evaluate("answer", resource.answer)
        whip.say("live", start=time.monotonic(), version=browser.version)
        while (await asyncio.to_thread(sys.stdin.readline)).strip() == "restart":
            reply = await asyncio.to_thread(resource.restart, await page.evaluate("restart()"))
            await page.evaluate("restarted", reply)
            whip.say("done", command="restart")
        await asyncio.to_thread(resource.delete)
        await browser.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the WHIP endpoint")
    parser.add_argument("--codec", default="default", choices=["default", "vp8", "h264"])
    parser.add_argument("--browser", default="/usr/bin/chromium")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
